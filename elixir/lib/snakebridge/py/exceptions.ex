# The exceptions of Python: one module for each builtin, all made from one list.

for name <- SnakeBridge.Py.Hierarchy.names() do
  mro = SnakeBridge.Py.Hierarchy.mro(name)
  kinds = SnakeBridge.Py.Hierarchy.kinds(mro)
  [_, base | _] = Enum.map(mro, &String.replace_prefix(&1, "builtins.", ""))

  defmodule Module.concat(SnakeBridge.Py, name) do
    @moduledoc """
    Python's `#{name}`, which extends `#{base}`, or an exception of a class whose nearest builtin it is.

    See `SnakeBridge.Py` for what it carries and how it is rescued.
    """

    @type t :: %__MODULE__{
            class: String.t(),
            module: String.t() | nil,
            message: String.t(),
            mro: [String.t()],
            kinds: %{String.t() => true},
            traceback: [SnakeBridge.Py.frame()],
            text: String.t() | nil,
            notes: [String.t()],
            cause: Exception.t() | nil,
            context: Exception.t() | nil,
            group: [Exception.t()],
            step: non_neg_integer() | nil,
            hint: String.t() | nil,
            ref: SnakeBridge.Ref.t() | nil
          }

    defexception class: Atom.to_string(name),
                 module: "builtins",
                 message: "",
                 mro: mro,
                 kinds: kinds,
                 traceback: [],
                 text: nil,
                 notes: [],
                 cause: nil,
                 context: nil,
                 group: [],
                 step: nil,
                 hint: nil,
                 ref: nil

    @impl true
    def message(error), do: SnakeBridge.Py.Text.message(error)

    defimpl Inspect do
      def inspect(error, opts), do: SnakeBridge.Py.Text.inspect(error, opts)
    end
  end
end
