defmodule SnakeBridge.ValidationTest do
  use ExUnit.Case, async: true

  alias SnakeBridge.{Generator, Ref}
  alias SnakeBridge.Wrapper.Validation

  doctest SnakeBridge.Wrapper.Validation

  @source """
  import sys, types

  code = '''
  from typing import Literal, Optional, Callable
  def plain(a, b=1, /, c=2, *, d, e=5): return [a, b, c, d, e]
  def anything(*args, **kwargs): return [len(args), kwargs]
  def typed(ratio: float, name: str = "x", sizes: list[int] = (), side: Literal["left", "right"] = "left",
            table: dict[str, float] | None = None, raw: bytes = b"", hook: Optional[Callable] = None,
            late: int = None):
      return name
  '''
  module = types.ModuleType("validated")
  exec(code, module.__dict__)
  sys.modules["validated"] = module

  import snakebridge.introspection
  snakebridge.introspection.introspect("validated")
  """

  setup_all do
    document = SnakeBridge.run!(@source)
    [module] = document["modules"]
    %{signatures: Map.new(module["functions"], &{&1["name"], Validation.signature(&1)}), document: document}
  end

  defp check(%{signatures: signatures}, name, args, kwargs) do
    kwargs = for {key, value} <- kwargs, do: {to_string(key), value}
    Validation.check(signatures[name], args, kwargs)
  end

  test "the number and names of arguments", context do
    assert check(context, "plain", [1], d: 4) == :ok
    assert check(context, "plain", [1, 2, 3], d: 4, e: 5) == :ok
    assert check(context, "plain", [1], c: 3, d: 4) == :ok
    assert check(context, "anything", [1, 2, 3], x: 4) == :ok

    for {args, kwargs, problems} <- [
          {[], [d: 4], ["a is missing"]},
          {[1], [], ["d: is missing"]},
          {[1, 2, 3, 4], [d: 4], ["it takes 3 arguments by position, got 4; by name: d:, e:"]},
          {[1], [d: 4, f: 6], ["it has no parameter f:; it has c:, d:, e:"]},
          {[1, 2, 3], [c: 3, d: 4], ["c: is given by position and by name"]},
          {[], [a: 1, d: 4], ["it has no parameter a:; it has c:, d:, e:", "a is missing"]}
        ],
        do: assert(check(context, "plain", args, kwargs) == {:error, problems})
  end

  test "types, to a depth, with what is near", context do
    for {args, kwargs} <- [
          {[1], []},
          {[:nan], [name: :atom]},
          {[true], [sizes: [1, true, 2.0], side: :right]},
          {[1.5], [sizes: {1, 2}, table: %{a: 1, b: 2.5}, raw: "text", hook: &String.length/1]},
          {[1.5], [sizes: 1..3, table: nil, raw: <<255>>, hook: nil, late: nil]},
          {[1.5], [sizes: MapSet.new([1])]},
          {[%Ref{session: :s, worker: 1, id: 1, type: "numpy.float64"}],
           [table: %Ref{session: :s, worker: 1, id: 1, type: "builtins.dict"}]}
        ],
        do: assert(check(context, "typed", args, kwargs) == :ok)

    for {kwargs, problem} <- [
          {[ratio: "x"], ~s|ratio: expected float, got "x"|},
          {[ratio: nil], "ratio: expected float, got nil"},
          {[ratio: 1, name: 2], "name: expected str, got 2"},
          {[ratio: 1, sizes: 5], "sizes: expected a list of int, got 5"},
          {[ratio: 1, sizes: [1, "2"]], ~s|sizes[1]: expected int, got "2"|},
          {[ratio: 1, side: "rigth"],
           ~s|side: expected one of "left", "right", got "rigth", did you mean "right"?|},
          {[ratio: 1, table: %{"a" => "b"}], ~s|table["a"]: expected float, got "b"|},
          {[ratio: 1, late: "x"], ~s|late: expected int or nil, got "x"|},
          {[ratio: %Ref{session: :s, worker: 1, id: 1, type: "builtins.list"}],
           "ratio: expected float, got a builtins.list of Python"}
        ],
        do: assert(check(context, "typed", [], kwargs) == {:error, [problem]})
  end

  test "generated wrappers look at their arguments where they were told to", %{document: document} do
    [generated] = Generator.generate(document, validate: true, module: SnakeBridge.ValidationTest.Validated)
    [{module, _}] = Code.compile_string(generated.source)

    assert module.typed(1.5) == {:ok, "x"}
    error = assert_raise ArgumentError, fn -> module.typed("x", nmae: 1) end

    assert Exception.message(error) == """
           validated.typed is not called rightly:
             it has no parameter nmae:, did you mean name:?
             ratio: expected float, got "x"\
           """

    assert {:error, %SnakeBridge.Py.TypeError{}} = module.typed("x", [nmae: 1], validate: false)
    assert_raise ArgumentError, ~r/validate/, fn -> module.typed(1.5, [], validate: :maybe) end

    [plain] = Generator.generate(document, module: SnakeBridge.ValidationTest.Plain)
    refute plain.source =~ "validate:"
  end

  # What a function of the standard library takes is never refused.
  @modules ~w(math cmath operator textwrap shlex html base64 binascii colorsys bisect heapq fnmatch string keyword) ++
             ~w(statistics calendar posixpath ntpath difflib json ipaddress stat struct zlib quopri urllib.parse token)
  # These wait, print, or take what they are given for a size.
  @untried ~w(factorial comb perm pow lshift ilshift ipow imul mul concat iconcat repeat prcal prmonth prweek main theyear) ++
             ~w(decode encode repeat)
  @values [
            0,
            1,
            -3,
            2.5,
            4.0,
            true,
            nil,
            "",
            "abc",
            "1+2",
            <<255>>,
            :atom,
            :nan,
            [],
            [1, 2],
            ["a", "b"],
            {1, 2},
            %{}
          ] ++
            [%{"a" => 1}, 1..3, Date.new!(2024, 2, 29), MapSet.new([1])]

  test "nothing is refused that Python takes" do
    :rand.seed(:exsss, {1, 2, 3})
    functions = for name <- @modules, function <- functions(name), do: function

    refused =
      for {module, function, signature} <- functions,
          function["name"] not in @untried and not function["generator"],
          _ <- 1..12,
          {args, kwargs} = arguments(function),
          {:error, problems} <- [Validation.check(signature, args, kwargs)] do
        result = SnakeBridge.call(module, function["name"], args, kwargs, as: :ref, timeout: 20_000)

        assert {:error, _} = result,
               "#{function["path"]} took #{inspect({args, kwargs})}: #{inspect(problems)}"
      end

    assert length(functions) > 200
    assert length(refused) > 500
  end

  defp functions(module) do
    document = SnakeBridge.call!("snakebridge.introspection", "introspect", [module])

    for %{"name" => ^module, "functions" => functions} <- document["modules"],
        function <- functions,
        signature = Validation.signature(function),
        do: {module, function, signature}
  end

  defp arguments(function) do
    names = [
      "bogus"
      | for(%{"name" => name, "kind" => kind} <- function["parameters"], kind != "var_keyword", do: name)
    ]

    args = for _ <- Enum.drop(0..:rand.uniform(4), 1), do: Enum.random(@values)
    args = Enum.take(args, :rand.uniform(5) - 1)
    kwargs = for name <- names, :rand.uniform(8) == 1, do: {name, Enum.random(@values)}
    {args, kwargs}
  end
end
