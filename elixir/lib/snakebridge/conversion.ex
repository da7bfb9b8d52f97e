defmodule SnakeBridge.Conversion do
  # Each row is tested both ways. Expressions are source text: of Python with the modules of `imports/0`, of Elixir as
  # it would be written anywhere; `:ref` stands for a ref to that very object.
  @from_python [
    {"None", "nil", "None", ""},
    {"True", "true", "True", ""},
    {"2**100", "1267650600228229401496703205376", "2**100", "integers of any size up to 524,280 bytes"},
    {"-0.0", "-0.0", "-0.0", ""},
    {"math.nan", ":nan", "math.nan", ""},
    {"math.inf", ":infinity", "math.inf", ""},
    {"-math.inf", ":neg_infinity", "-math.inf", ""},
    {"'né𝄞'", ~S("né𝄞"), "'né𝄞'", ""},
    {"'\\ud800'", ":ref", "'\\ud800'", "text with a lone surrogate is no UTF-8, so it stays in Python"},
    {"b'\\xff'", "<<255>>", "b'\\xff'", "so do `bytearray` and `memoryview`"},
    {"b'ab'", ~S("ab"), "'ab'",
     "bytes that are UTF-8 go back as `str`, unless `SnakeBridge.bytes/1` or an annotation says otherwise"},
    {"[1, [2.5]]", "[1, [2.5]]", "[1, [2.5]]", ""},
    {"(1, ())", "{1, {}}", "(1, ())", ""},
    {"{'a': 1, (2, 3): None}", ~S(%{"a" => 1, {2, 3} => nil}), "{'a': 1, (2, 3): None}", ""},
    {"{'a': 1, b'a': 2}", ":ref", "{'a': 1, b'a': 2}",
     "keys, or items of a set, that would become one: the container stays in Python"},
    {"{int: 1}", ":ref", "",
     "so do dicts and sets that are looked up by objects: Elixir could not find those"},
    {"{1}", "MapSet.new([1])", "{1}", ""},
    {"frozenset([1])", "MapSet.new([1])", "{1}", ""},
    {"{frozenset([1]): 2}", "%{MapSet.new([1]) => 2}", "{frozenset([1]): 2}",
     "a set as a key, or in a set, is frozen"},
    {"range(5)", "0..4", "range(5)", "Elixir's end is inclusive"},
    {"range(9, 0, -3)", "9..1//-3", "range(9, 0, -3)", ""},
    {"range(0)", "0..-1//1", "range(0)", ""},
    {"1+2j", "SnakeBridge.Complex.new(1.0, 2.0)", "1+2j", "a `Complex` where that library is loaded"},
    {"datetime.date(2024, 2, 29)", "~D[2024-02-29]", "datetime.date(2024, 2, 29)", ""},
    {"datetime.time(1, 2, 3, 4)", "~T[01:02:03.000004]", "datetime.time(1, 2, 3, 4)", ""},
    {"datetime.datetime(2024, 2, 29, 1, 2, 3)", "~N[2024-02-29 01:02:03]",
     "datetime.datetime(2024, 2, 29, 1, 2, 3)", ""},
    {"datetime.datetime(2024, 2, 29, tzinfo=datetime.timezone.utc)", "~U[2024-02-29 00:00:00Z]",
     "datetime.datetime(2024, 2, 29, tzinfo=datetime.timezone.utc)",
     "other zones too: with their offset, and their name where they have one"},
    {"datetime.timedelta(days=-1, microseconds=5)", "%Duration{day: -1, microsecond: {5, 6}}",
     "datetime.timedelta(days=-1, microseconds=5)", "a `SnakeBridge.Duration` before Elixir 1.17"},
    {"uuid.UUID(int=7)", ~S("00000000-0000-0000-0000-000000000007"), "'00000000-0000-0000-0000-000000000007'",
     "by a `SnakeBridge.Decoder`; so is a `Decimal`, where that library is loaded"},
    {"collections.OrderedDict(a=1)", ":ref", "collections.OrderedDict(a=1)",
     "so is every subclass: `as: :value` or `as: :map` gives what it extends"},
    {"enum.IntEnum('E', 'A').A", ":ref", "", ""},
    {"(lambda l: (l.append(l), l)[1])([])", ":ref", "", "what contains itself"},
    {"object()", ":ref", "", "all other objects: classes, modules, functions, generators, arrays, frames"}
  ]

  @from_elixir [
    {":cuda", "'cuda'", ~S("cuda"), "`nil`, `true`, `false` and the floats above excepted"},
    {~S(%{a: 1, b: [c: 2]}), "{'a': 1, 'b': [('c', 2)]}", ~S(%{"a" => 1, "b" => [{"c", 2}]}), ""},
    {~S("text"), "'text'", ~S("text"), "a binary that is UTF-8"},
    {"<<255, 0>>", "b'\\xff\\x00'", "<<255, 0>>", "any other binary"},
    {~S|SnakeBridge.bytes("text")|, "b'text'", ~S("text"), "any binary"},
    {"~c\"ab\"", "[97, 98]", "[97, 98]", ""},
    {"MapSet.new([])", "set()", "MapSet.new([])", ""},
    {"1..10//3", "range(1, 11, 3)", "1..10//3", ""},
    {"%Duration{week: 1, hour: 2}", "datetime.timedelta(days=7, seconds=7200)",
     "%Duration{day: 7, second: 7200}", "one of months or years has no counterpart, and is opaque"},
    {~S|SnakeBridge.Encoder.make("fractions.Fraction", [1, 3])|, "fractions.Fraction(1, 3)", ":ref",
     "what Python makes; see `SnakeBridge.Encoder`"},
    {"SnakeBridge.Array.from_list([1, 2])", "", "",
     "an array of numpy, or a `memoryview` where that is not installed; a tensor of Nx likewise"},
    {"Date.new!(12024, 1, 1)", "", "Date.new!(12024, 1, 1)", "opaque: Python's years end at 9999"},
    {"self()", "", "self()", "opaque, as ports and references are: it comes back as it was"},
    {"&String.upcase/1", "", "&String.upcase/1", "a callable; it comes back as it was"},
    {~S|URI.parse("http://a.b")|, "", ~S|URI.parse("http://a.b")|,
     "opaque, its fields are attributes; `SnakeBridge.Encoder` says otherwise"},
    {"[1 | 2]", "error", "", "Python has no improper lists"},
    {"<<1::3>>", "error", "", "nor parts of bytes"},
    {"%{1 => :a, 1.0 => :b}", "error", "", "nor keys that are equal to it, as `:a` and `\"a\"` are"},
    {"%{[1] => 2}", "error", "", "nor lists, maps and sets as keys"}
  ]

  @targets [
    {"auto", "collections.Counter('aab')", ":ref", "the tables above"},
    {"ref", "1", ":ref", "a ref, whatever it is"},
    {"value", "collections.Counter('aab')", ~S(%{"a" => 2, "b" => 1}),
     "a subclass as what it extends, an object as what its `tolist()` gives; never a ref"},
    {"list", "(x * x for x in (1, 2))", "[1, 4]", "what `list()` gives"},
    {"map", "collections.OrderedDict(a=1)", ~S(%{"a" => 1}), "what `dict()` gives"},
    {"set", "[1, 1]", "MapSet.new([1])", "what `set()` gives"},
    {"text", "fractions.Fraction(1, 3)", ~S("1/3"), "what `str()` gives"},
    {"bytes", "array.array('B', [1, 2])", "<<1, 2>>", "what is in its buffer: `bytes`, `memoryview`, arrays"},
    {"array", "array.array('B', [1, 2])", "%SnakeBridge.Array{dtype: :u8, shape: {2}, data: <<1, 2>>}",
     "the same, with its type and shape: `SnakeBridge.Array`"},
    {"arrow", "pyarrow.table({'a': [1]})", "", "a table: `SnakeBridge.Arrow`"}
  ]

  row = fn cells -> "| " <> Enum.map_join(cells, " | ", &String.replace(&1, "|", "\\|")) <> " |" end

  code = fn
    "" -> ""
    ":ref" -> "a ref"
    "error" -> "an error"
    source -> "`" <> source <> "`"
  end

  table = fn heads, rows ->
    Enum.join([row.(heads), row.(Enum.map(heads, fn _ -> "---" end)) | Enum.map(rows, row)], "\n")
  end

  @markdown """
  What values become on the other side, by exact type, so that nothing is lost.

  ## From Python

  #{table.(["Python", "Elixir", "and back", ""], for({python, elixir, back, remark} <- @from_python, do: [code.(python), code.(elixir), if(elixir == ":ref", do: "the same object", else: code.(back)), remark]))}

  The three floats that Elixir has no number for are atoms there, which Elixir orders above all numbers: `:nan > 1` is
  true, and so is `:neg_infinity > 1`. Natural syntax (`use SnakeBridge`, `py do ... end`, cells) orders them as floats;
  guards and `Enum.sort/1` do not. `:nan == :nan` is true everywhere.

  ## From Elixir

  #{table.(["Elixir", "Python", "and back", ""], for({elixir, python, back, remark} <- @from_elixir, do: [code.(elixir), code.(python), code.(back), remark]))}

  Where a value is not convertible, nothing of it is lost or half done: the call ends with a `SnakeBridge.BridgeError`
  that says which part it was, and what to do.

  ## What a caller wants: `as:`

  #{table.(["`as:`", "of", "is", ""], for({as, python, elixir, remark} <- @targets, do: [code.(":" <> as), code.(python), code.(elixir), remark]))}

  The items of a list, map or set are as of `:auto`.

  ## Limits

  | | at most |
  |---|---|
  | nesting | 10,000 levels |
  | an integer | 524,280 bytes |
  | a message | 2 GiB |
  """

  @moduledoc @markdown

  @doc "The rows from Python: expression of Python, of Elixir, what comes back, remark."
  @spec from_python() :: [{String.t(), String.t(), String.t(), String.t()}]
  def from_python, do: @from_python

  @doc "The rows from Elixir: expression of Elixir, of Python, what comes back, remark."
  @spec from_elixir() :: [{String.t(), String.t(), String.t(), String.t()}]
  def from_elixir, do: @from_elixir

  @doc "The rows of `as:`: its value, expression of Python, of Elixir, remark."
  @spec targets() :: [{String.t(), String.t(), String.t(), String.t()}]
  def targets, do: @targets

  @doc "The modules of Python that the rows speak of."
  @spec imports() :: [String.t()]
  def imports, do: ~w(array collections datetime enum fractions math uuid)

  @doc "The page `docs/conversion.md`, which a test compares with this."
  @spec markdown() :: String.t()
  def markdown, do: "# Conversion\n\n" <> @markdown
end
