defmodule SnakeBridge.Generator.GeneratedTest do
  @moduledoc "What is generated compiles without a warning, and calls what it says it calls."
  use ExUnit.Case, async: true

  import ExUnit.CaptureIO
  import SnakeBridge.MadeUp

  alias SnakeBridge.{Generator, Ref}

  # Compiles what becomes of a document, under a module of its own for each test.
  defp compile(document, options) do
    prefix = Module.concat(__MODULE__, "T#{System.unique_integer([:positive])}")
    generated = Generator.generate(document, [prefix: prefix] ++ options)

    warnings =
      capture_io(:stderr, fn -> for made <- generated, do: Code.compile_string(made.source, made.path) end)

    assert warnings == ""
    for made <- generated, into: %{}, do: {made.python, made.module}
  end

  defp compile_one(document, options \\ []) do
    modules = compile(document, options)
    modules[document["root"]]
  end

  defp of_module(name, more), do: document(name, [module(name, more)])

  describe "functions" do
    test "take what Python demands, then keyword arguments, then options" do
      function = function("builtins.sorted", [parameter("iterable"), parameter("reverse", default: false)])
      module = compile_one(of_module("builtins", %{"functions" => [function]}))

      assert module.sorted([2, 1]) == {:ok, [1, 2]}
      assert module.sorted([2, 1], reverse: true) == {:ok, [2, 1]}
      assert module.sorted([2, 1], %{"reverse" => true}) == {:ok, [2, 1]}
      assert {:ok, %Ref{type: "builtins.list"}} = module.sorted([2, 1], [], as: :ref)
      assert {:error, %{class: "TypeError"}} = module.sorted(1)
      assert_raise ArgumentError, ~r/no option tiemout:/, fn -> module.sorted([1], [], tiemout: 1) end
      refute function_exported?(module, :sorted!, 1)
    end

    test "say that what has a default is given by name" do
      function = function("builtins.sorted", [parameter("iterable"), parameter("reverse", default: false)])
      module = compile_one(of_module("builtins", %{"functions" => [function]}))

      assert_raise ArgumentError,
                   ~r/of builtins.sorted are a keyword list or a map, got: true\nhint: .* by name/,
                   fn ->
                     module.sorted([2, 1], true)
                   end

      assert_raise ArgumentError, ~r/keyword list or a map, got: 1\n/, fn -> module.sorted([2, 1], 1, 3) end
    end

    test "have twins that raise, where that is wanted" do
      module =
        compile_one(
          of_module("math", %{
            "functions" => [
              function("math.sqrt", [parameter("x")]),
              function("math.hypot", [], %{"signature" => "unknown"})
            ],
            "constants" => [
              %{"name" => "pi", "path" => "math.pi", "type" => type(:float), "value" => nil, "repr" => nil}
            ]
          }),
          bang: true
        )

      assert module.sqrt!(16) == 4.0
      assert module.hypot!(3, 4) == 5.0
      assert_in_delta module.pi!(), 3.14159, 0.001
      assert module.call!("comb", [5, 2]) == 10
      assert_in_delta module.get!("tau"), 6.28318, 0.001
      assert_raise SnakeBridge.Py.ValueError, fn -> module.sqrt!(-1) end
    end

    test "tell any number of arguments from keyword arguments and options" do
      module =
        compile_one(
          of_module("builtins", %{
            "functions" => [
              function("builtins.max", [], %{"signature" => "unknown"}),
              function("builtins.dict", [
                parameter("args", kind: :var_positional),
                parameter("kwargs", kind: :var_keyword)
              ])
            ]
          }),
          max_arity: 3
        )

      assert module.max(3, 7, 5) == {:ok, 7}
      assert module.max([3, 7, 5]) == {:ok, 7}
      assert module.max([], default: 0) == {:ok, 0}
      assert module.max([3, 7], [key: &(-&1)], timeout: 5_000) == {:ok, 3}
      assert module.max(3, 7, [], timeout: 5_000) == {:ok, 7}
      assert {:error, %{class: "ValueError"}} = module.max([])
      assert {:error, %{class: "TypeError"}} = module.max()
      assert module.dict(a: 1) == {:ok, %{"a" => 1}}
      assert module.dict([[1, 2]]) == {:ok, %{1 => 2}}
      assert function_exported?(module, :max, 5)
      refute function_exported?(module, :max, 6)
    end

    test "have places for what can only be given by position" do
      function =
        function("builtins.getattr", [
          parameter("object", kind: :positional_only),
          parameter("name", kind: :positional_only),
          parameter("default", kind: :positional_only, default: nil)
        ])

      module = compile_one(of_module("builtins", %{"functions" => [function]}))
      assert module.getattr("a", "no", 7) == {:ok, 7}
      assert module.getattr("a", "no", 7, [], timeout: 5_000) == {:ok, 7}
      assert {:error, %{class: "AttributeError"}} = module.getattr("a", "no")
    end

    test "refuse a call without a keyword argument that is required" do
      function =
        function("shutil.copytree", [
          parameter("a"),
          parameter("b", kind: :keyword_only),
          parameter("c", kind: :keyword_only)
        ])

      module = compile_one(of_module("shutil", %{"functions" => [function]}))

      assert_raise ArgumentError, ~r/^shutil.copytree must be given c:\nhint: .*c: \.\.\./, fn ->
        module.copytree(1, b: 2)
      end

      assert_raise ArgumentError, ~r/must be given b:, c:/, fn -> module.copytree(1) end
      assert {:error, %{class: "TypeError"}} = module.copytree(1, b: 2, c: 3)
    end

    test "are awaited, and stream, as the bridge does" do
      modules = [
        module("asyncio", %{
          "functions" => [
            function("asyncio.sleep", [parameter("delay"), parameter("result", default: nil)], %{
              "async" => true
            })
          ]
        }),
        module("itertools", %{"functions" => [function("itertools.count", [], %{"signature" => "unknown"})]})
      ]

      made =
        compile(document("asyncio", modules), functions: %{"itertools.count" => [stream: true, name: "from"]})

      assert made["asyncio"].sleep(0, result: 5) == {:ok, 5}
      assert {:ok, numbers} = made["itertools"].from(10)
      assert Enum.take(numbers, 3) == [10, 11, 12]
      assert made["itertools"].__functions__() |> hd() |> elem(2) == "count"
    end

    test "of other names are told by the table" do
      module =
        compile_one(
          of_module("made.up", %{
            "functions" => for(name <- ~w(end IGNORECASE ünder def), do: function("made.up.#{name}", []))
          })
        )

      assert for({name, 0..2, python, _} <- module.__functions__(), do: {name, python}) ==
               [def_: "def", end_: "end", py_IGNORECASE: "IGNORECASE", pyx__fc_nder: "ünder"]

      assert {:error, %{class: "ModuleNotFoundError"}} = module.end_()
    end

    test "of Python with the names of the general ones take their place" do
      get = function("operator.getitem", [parameter("a"), parameter("b")], %{"name" => "get"})
      module = compile_one(of_module("operator", %{"functions" => [get]}))
      assert {:error, %{class: "AttributeError"}} = module.get([1], 0)
      assert module.call("getitem", [[7], 0]) == {:ok, 7}
    end

    test "with more parameters than Elixir allows are left to the general one" do
      many = function("m.f", for(index <- 1..250, do: parameter("p#{index}")))
      assert compile_one(of_module("m", %{"functions" => [many]})).__functions__() == []
    end

    test "with more optional ones than Elixir allows take as many as those with any number" do
      many =
        function("m.f", for(index <- 1..250, do: parameter("p#{index}", kind: :positional_only, default: 0)))

      assert [{:f, 0..10, "f", _}] = compile_one(of_module("m", %{"functions" => [many]})).__functions__()
    end

    test "with names that are longer than an atom are left to the general one" do
      long = String.duplicate("a", 255)
      function = function("m.f", [parameter(long)])
      constant = %{"name" => long, "path" => "m." <> long, "type" => type(:int), "value" => 1, "repr" => "1"}
      functions = [function, %{function | "name" => long}]
      classes = [class("m." <> String.duplicate("B", 255)), class("m." <> String.duplicate("B", 256))]

      module =
        compile_one(
          of_module("m", %{"functions" => functions, "constants" => [constant], "classes" => classes}),
          bang: true
        )

      assert [{:f, 1..3, "f", _}] = module.__functions__()
      assert length(module.__classes__()) == 2
    end

    test "that are deprecated are reported where they are used" do
      module =
        compile_one(of_module("m", %{"functions" => [function("m.f", [], %{"deprecated" => "use g"})]}))

      warnings =
        capture_io(:stderr, fn ->
          Code.compile_string("defmodule #{inspect(module)}.User, do: def f, do: #{inspect(module)}.f()")
        end)

      assert warnings =~ "use g"
    end
  end

  describe "options of a function" do
    def doubled(x), do: x * 2
    def rescued(%{class: class}), do: {:ok, class}
    def unlike(_), do: :nothing

    setup do
      function = function("math.sqrt", [parameter("x")])

      %{
        document:
          of_module("math", %{
            "functions" => [function, %{function | "name" => "exp", "path" => "math.exp"}]
          })
      }
    end

    test "make something of results and errors", %{document: document} do
      module =
        compile_one(document,
          functions: %{"sqrt" => [result: {__MODULE__, :doubled}, error: {__MODULE__, :rescued}]}
        )

      assert module.sqrt(16) == {:ok, 8.0}
      assert module.sqrt(-1) == {:ok, "ValueError"}
      assert module.exp(0) == {:ok, 1.0}

      module = compile_one(document, functions: %{"math.sqrt" => %{error: {__MODULE__, :unlike}}})
      assert_raise ArgumentError, ~r/unlike\/1 gave :nothing/, fn -> module.sqrt(-1) end
    end

    test "are defaults of the call's own", %{document: document} do
      module = compile_one(document, as: :ref, functions: %{"exp" => [as: :auto]})
      assert {:ok, %Ref{type: "builtins.float"}} = module.sqrt(16)
      assert module.sqrt(16, [], timeout: 5_000, as: :auto) == {:ok, 4.0}
      assert module.exp(0) == {:ok, 1.0}
    end

    test "take back those of their module", %{document: document} do
      above = [as: :value, result: {__MODULE__, :doubled}]
      below = [as: nil, result: nil]
      module = compile_one(document, modules: %{"math" => above}, functions: %{"sqrt" => below})
      assert module.sqrt(16) == {:ok, 4.0}
      assert module.exp(0) == {:ok, 2.0}
    end

    test "cannot give two functions one name, nor one that cannot be", %{document: document} do
      assert_raise ArgumentError,
                   ~r/math.exp and math.sqrt would both be exp|math.sqrt and math.exp would both be exp/,
                   fn ->
                     Generator.generate(document, functions: %{"sqrt" => [name: "exp"]})
                   end

      assert_raise ArgumentError, ~r/"a b" cannot be the name of a function/, fn ->
        Generator.generate(document, functions: %{"sqrt" => [name: "a b"]})
      end

      assert_raise ArgumentError, ~r/no option bnag:/, fn -> Generator.generate(document, bnag: true) end
    end
  end

  describe "classes" do
    setup do
      base =
        class("collections.UserList", %{
          "constructor" => function("collections.UserList.__init__", [parameter("initlist", default: nil)]),
          "methods" => [
            function("collections.UserList.append", [parameter("item")], %{"kind" => "method"}),
            function("collections.UserList.new", [], %{"kind" => "method"}),
            function("collections.UserList.old", [], %{"kind" => "method", "deprecated" => "too old"})
          ],
          "properties" => [%{"name" => "data", "type" => type(:list), "settable" => true, "doc" => nil}]
        })

      sub =
        class("collections.Counter", %{
          "mro" => ["collections.Counter", "collections.UserList", "builtins.object"],
          "methods" => [
            function("collections.Counter.total", [], %{"kind" => "method"}),
            function("collections.Counter.fromkeys", [parameter("iterable"), parameter("v", default: nil)], %{
              "kind" => "classmethod"
            })
          ],
          "attributes" => [%{"name" => "__name__", "type" => type(:str), "value" => "Counter", "repr" => nil}]
        })

      %{made: compile(of_module("collections", %{"classes" => [base, sub]}), bang: true)}
    end

    test "have a constructor, methods, properties and attributes", %{made: made} do
      list = made["collections.UserList"]
      assert {:ok, %Ref{} = ref} = list.new(initlist: [1])
      assert list.append(ref, 2) == {:ok, nil}
      assert list.data(ref) == {:ok, [1, 2]}
      assert {:ok, %Ref{}} = list.data(ref, as: :ref)
      assert {:error, %{class: "AttributeError"}} = list.new_(ref)

      counter = made["collections.Counter"]
      ref = counter.new!([])
      assert counter.total!(ref) == 0
      assert counter.__name__() == {:ok, "Counter"}
      assert {:error, %{class: "NotImplementedError"}} = counter.fromkeys(["a"])
      assert counter.__python__().mro == ["collections.Counter", "collections.UserList", "builtins.object"]
    end

    test "have what they inherit", %{made: made} do
      counter = made["collections.Counter"]
      assert function_exported?(counter, :append, 2)
      assert {:error, %{class: "AttributeError"}} = counter.append(counter.new!(), 1)
      assert {:append, 2..4, "append", ""} in counter.__functions__()
      assert function_exported?(counter, :old!, 1)
    end

    test "have of others what is called on the class alone, where that is wished" do
      base =
        class("m.Base", %{
          "methods" => [
            function("m.Base.old", [], %{"kind" => "method"}),
            function("m.Base.make", [], %{"kind" => "classmethod"})
          ],
          "attributes" => [
            %{"name" => "most", "path" => "m.Base.most", "type" => type("int"), "value" => 1, "repr" => "1"}
          ]
        })

      class =
        class("m.Class", %{
          "bases" => ["m.Base"],
          "mro" => ["m.Class", "m.Base"],
          "methods" => [function("m.Class.own", [], %{"kind" => "method"})]
        })

      document = of_module("m", %{"classes" => [base, class]})
      names = fn made -> for {name, _, _, _} <- made["m.Class"].__functions__(), do: name end

      assert names.(compile(document, [])) == [:new, :own, :make, :most, :old]
      assert names.(compile(document, inherited: false)) == [:new, :own, :make]

      source = Enum.find(Generator.generate(document, inherited: false), &(&1.python == "m.Class")).source
      assert source =~ "Inherits from `M.Base`, whose functions take these objects too."
    end

    test "stand in the table of their module, and are found", %{made: made} do
      module = made["collections"]

      assert for({_, path, _} <- module.__classes__(), do: path) == [
               "collections.Counter",
               "collections.UserList"
             ]

      assert [{_, "collections.Counter", _}] = module.__search__("counter")
      assert module.__python__() == %{kind: :module, path: "collections"}
    end
  end

  test "what is inherited of a class in another module is there, where nothing else of that module is wanted" do
    base = class("m.base.Base", %{"methods" => [function("m.base.Base.save", [], %{"kind" => "method"})]})
    sub = class("m.Sub", %{"mro" => ["m.Sub", "m.base.Base"]})
    document = document("m", [module("m", %{"classes" => [sub]}), module("m.base", %{"classes" => [base]})])
    made = compile(document, only: [{"m", "Sub"}])
    assert function_exported?(made["m.Sub"], :save, 1)
    assert function_exported?(made["m.base.Base"], :save, 1)
  end

  test "attributes that objects have are read of them" do
    attributes = [
      %{"name" => "returncode", "type" => type(:int), "value" => nil, "repr" => nil, "of_instance" => true}
    ]

    of = fn path ->
      class(path, %{"attributes" => attributes, "mro" => [path, "subprocess.CompletedProcess"]})
    end

    [process | _] =
      classes = [
        %{
          of.("subprocess.CompletedProcess")
          | "constructor" => function("x", [parameter("args"), parameter("returncode")])
        },
        of.("subprocess.Sub")
      ]

    made = compile(of_module("subprocess", %{"classes" => classes}), [])
    {:ok, process} = made[process["path"]].new([], 3)
    assert made["subprocess.CompletedProcess"].returncode(process) == {:ok, 3}
    assert made["subprocess.Sub"].returncode(process) == {:ok, 3}
  end

  test "what arrives as a value can be given to its class's methods" do
    date =
      class("datetime.date", %{"methods" => [function("datetime.date.isoweekday", [], %{"kind" => "method"})]})

    made = compile(of_module("datetime", %{"classes" => [date]}), [])
    assert made["datetime.date"].isoweekday(~D[2024-02-29]) == {:ok, 4}
  end

  test "modules whose names come to one are told apart, whatever the case" do
    classes = for name <- ["bool", "Bool", "BOOL"], do: class("m.#{name}")
    made = Generator.generate(document("m", [module("m", %{"classes" => classes}), module("m.bool")]))
    paths = Enum.map(made, &String.downcase(&1.path))
    assert Enum.uniq(paths) == paths
    assert length(made) == 5
  end

  test "source is as the formatter writes it, however long names and texts are" do
    functions =
      for length <- 1..110 do
        name = "f#{length}_" <> String.duplicate("x", rem(length, 60))
        parameters = [parameter("a", type: type("str")), parameter("b", default: 100_000)]
        function("m.#{name}", parameters, %{"doc" => doc(String.duplicate("d", length))})
      end

    classes = for length <- 1..110, do: class("m.C#{String.duplicate("c", length)}", %{"doc" => doc("Text.")})

    for made <-
          Generator.generate(of_module("m", %{"functions" => functions, "classes" => classes}),
            bang: true,
            timeout: 1_000_000
          ) do
      assert made.source == IO.iodata_to_binary([Code.format_string!(made.source), "\n"])
    end
  end

  test "names do not depend on what else is used, nor on what is known of submodules" do
    classes = for name <- ["bool", "Bool", "Linalg", "A"], do: class("m.#{name}")
    module = module("m", %{"classes" => classes, "submodules" => ["m.linalg", "m.b"]})
    options = [modules: %{"b.C" => [module: M.PyBool]}]

    names =
      &for made <- Generator.generate(&1, options ++ &2), into: %{}, do: {made.python, inspect(made.module)}

    assert names.(document("m", [module]), []) ==
             %{
               "m" => "M",
               "m.A" => "M.A",
               "m.Bool" => "M.Bool",
               "m.bool" => "M.PyPyBool",
               "m.Linalg" => "M.Linalg"
             }

    whole =
      names.(document("m", [module, module("m.b", %{"classes" => [class("m.b.C")]}), module("m.linalg")]), [])

    assert %{"m.linalg" => "M.PyLinalg", "m.Linalg" => "M.Linalg", "m.b.C" => "M.PyBool"} = whole

    for {python, name} <- names.(document("m", [module]), []) do
      assert whole[python] == name
      [_ | _] = own = String.split(python, ".")
      one = names.(document("m", [module]), only: [{"m", List.last(own)}])
      assert one[python] == name
    end

    assert_raise ArgumentError, ~r/modules: m.(A and m.linalg|linalg and m.A) would both be X/, fn ->
      Generator.generate(document("m", [module]), modules: %{"m.A" => [module: X], "linalg" => [module: X]})
    end
  end

  describe "the same document" do
    setup do
      functions = for name <- ~w(b a c), do: function("m.#{name}", [parameter("x")])

      classes = [
        class("m.K", %{"methods" => [function("m.K.go", [], %{"kind" => "method"})]}),
        class("m.L", %{"mro" => ["m.L", "m.K"]})
      ]

      %{document: of_module("m", %{"functions" => functions, "classes" => classes})}
    end

    test "gives the same source, in whichever order it is written", %{document: document} do
      [module] = document["modules"]
      turned = %{document | "modules" => [%{module | "functions" => Enum.reverse(module["functions"])}]}
      sources = fn document -> for made <- Generator.generate(document), do: made.source end
      assert sources.(document) == sources.(document)
      assert sources.(turned) == sources.(document)

      for source <- sources.(document),
          do: assert(source |> Code.format_string!() |> IO.iodata_to_binary() == String.trim_trailing(source))
    end

    test "gives what is used, with the bases of its classes", %{document: document} do
      made = Generator.generate(document, only: [{"m", "a"}, {"m", "L"}])
      assert made |> Enum.map(& &1.python) |> Enum.sort() == ["m", "m.K", "m.L"]
      source = Enum.find(made, &(&1.python == "m")).source
      assert source =~ "def a(" and not (source =~ "def b(")
      assert Generator.generate(document, only: []) == []
      assert [%{python: "m"}] = Generator.generate(document, only: [m: :b])
    end
  end

  test "hostile text stays text" do
    hostile = ~S|""" #{raise "ran"} \" ' \ """ end end| <> "\u202e\u2028\u0000\r\n\t~S|x|"

    types = [
      type("class", %{"name" => hostile}),
      type("literal", %{"values" => [hostile, 1]}),
      type("type_var", %{"name" => hostile})
    ]

    parameters =
      [parameter(hostile)] ++
        for(
          {type, index} <- Enum.with_index(types),
          do: parameter("p#{index}" <> hostile, default: hostile, type: type)
        )

    document =
      of_module("m", %{
        "doc" => doc(hostile),
        "functions" => [
          function("m.#{hostile}", parameters, %{
            "name" => hostile,
            "doc" => doc(hostile),
            "deprecated" => hostile
          }),
          function("m.g", [parameter("required" <> hostile, kind: :keyword_only)], %{
            "doc" => doc("    " <> hostile)
          })
        ],
        "constants" => [
          %{
            "name" => hostile <> "c",
            "path" => "m.c" <> hostile,
            "type" => hd(types),
            "value" => hostile,
            "repr" => hostile
          }
        ],
        "classes" => [
          class("m.#{hostile}K", %{"name" => hostile <> "K", "bases" => [hostile], "doc" => doc(hostile)})
        ]
      })

    made = compile(document, bang: true, tags: [hostile])
    {_, _, python, _} = made["m"].__functions__() |> Enum.find(fn {_, _, python, _} -> python == hostile end)
    assert python == hostile
    assert [{_, path, _}] = made["m"].__classes__()
    assert path == "m." <> hostile <> "K"
    assert_raise ArgumentError, fn -> made["m"].g() end
  end

  test "a document that is none is refused" do
    for document <- [
          nil,
          %{},
          %{"schema" => "snakebridge.introspection/1"},
          document("m", [nil]),
          document("m", [%{"name" => 1}])
        ],
        do: assert_raise(ArgumentError, fn -> Generator.generate(document) end)

    for wrong <- [
          %{"functions" => 1},
          %{"functions" => [1]},
          %{"classes" => [%{"name" => "K"}]},
          %{"constants" => [%{}]}
        ],
        do: assert_raise(ArgumentError, fn -> Generator.generate(of_module("m", wrong)) end)
  end
end
