defmodule SnakeBridge.Probe do
  @moduledoc """
  A Python object for tests that says what is done with it: operators, items and calls give a text.
  """

  @source """
  class Probe:
      def __init__(self, name="p", **attributes):
          self.name = name
          self.items = {"a": 1, "b": [1, 2]}
          self.__dict__.update(attributes)

      def __repr__(self):
          return f"Probe({self.name})"

      T = property(lambda self: Probe(self.name + ".T"))
      Upper = property(lambda self: lambda *args, **kwargs: f"Upper({args}, {kwargs})")

      def head(self, *args, **kwargs):
          return f"head({', '.join(map(repr, args))}{', ' if kwargs else ''}{kwargs or ''})"

      def next(self, *args):
          return Probe(self.name + "." + ",".join(map(str, args)))

      def __call__(self, *args, **kwargs):
          return f"call({args}, {kwargs})"

      def __getitem__(self, key):
          if isinstance(key, (slice, tuple)):
              return f"[{key}]"
          return self.items[key]

      def __setitem__(self, key, value):
          self.items[key] = value

      def __delitem__(self, key):
          del self.items[key]

      def __contains__(self, key):
          return key in self.items

      def __len__(self):
          return 42

      def __bool__(self):
          raise ValueError("the truth of a probe is unknown")

      __hash__ = object.__hash__

  def operator(name):
      return lambda self, *others: f"{name}({', '.join([self.name, *map(repr, others)])})"

  for name in "add sub mul truediv floordiv mod pow matmul and or xor lshift rshift".split():
      setattr(Probe, f"__{name}__", operator(name))
      setattr(Probe, f"__r{name}__", operator("r" + name))
  for name in "neg pos invert".split():
      setattr(Probe, f"__{name}__", operator(name))
  # Comparisons that are no booleans, as of arrays.
  for name in "eq ne lt le gt ge".split():
      setattr(Probe, f"__{name}__", lambda self, other, name=name: Probe(f"{self.name} {name} {other!r}"))
  """

  @doc "A new probe."
  def new(name \\ "p", opts \\ []) do
    probe_class(opts) |> SnakeBridge.apply!([name])
  end

  @doc "Runs Python source; gives its names as a ref to a dict."
  def run(source, opts \\ []) do
    names = SnakeBridge.call!("builtins", "dict", [], [], [as: :ref] ++ opts)
    SnakeBridge.call!("builtins", "exec", [source, names], [], opts)
    names
  end

  # The shape of the source code: a class of its own for each caller, so that tests share nothing.
  defp probe_class(opts), do: SnakeBridge.item!(run(@source, opts), "Probe")
end
