defmodule SnakeBridge.ExceptionsTest do
  @moduledoc "Exceptions across both borders: what arrives, however hostile it is, and what goes back."
  use ExUnit.Case, async: true

  require SnakeBridge.Py

  alias SnakeBridge.{BridgeError, CallbackError, Native, Probe, Py, Session}

  @moduletag :capture_log

  defp names(source), do: Probe.run(source)
  defp function(source, name), do: source |> names() |> SnakeBridge.item!(name)

  # The exception that `raise EXPRESSION` gives, after the source.
  defp raised(source \\ "", expression) do
    run = function("#{source}\ndef run(): raise #{expression}\n", "run")
    assert {:error, error} = SnakeBridge.apply(run, [])
    # Whatever it was, the lane goes on.
    assert SnakeBridge.call!("math", "sqrt", [4]) == 2.0
    error
  end

  describe "the list of builtins" do
    test "is Python's own, with the same hierarchy" do
      source = """
      import builtins
      def run():
          found = {n: c for n, c in vars(builtins).items() if isinstance(c, type) and issubclass(c, BaseException)}
          return {n: [f"builtins.{b.__qualname__}" for b in c.__mro__] for n, c in found.items()
                  if n == c.__name__ and not n.startswith("_")}
      """

      found = SnakeBridge.apply!(function(source, "run"), [])
      assert map_size(found) > 60

      for {name, mro} <- found do
        module = Module.concat(Py, name)
        assert Code.ensure_loaded?(module), name
        assert %{class: ^name, module: "builtins", mro: ^mro} = struct!(module)
        assert Py.Hierarchy.nearest(mro) == module
      end
    end

    test "kinds/1 takes aliases, texts, Python's other names and lists" do
      assert Py.kinds(LookupError) == [Py.LookupError, Py.IndexError, Py.KeyError]
      assert Py.kinds(Py.LookupError) == Py.kinds("LookupError")
      assert Py.kinds(IOError) == Py.kinds(OSError)
      assert Py.ConnectionResetError in Py.kinds(IOError)
      assert Py.kinds([KeyError, LookupError]) == [Py.KeyError, Py.LookupError, Py.IndexError]
      assert length(Py.kinds(BaseException)) == length(Py.Hierarchy.names())
      assert Py.ExceptionGroup in Py.kinds(Exception)
      assert Py.ExceptionGroup in Py.kinds(BaseExceptionGroup)

      assert_raise ArgumentError, ~r/requests.HTTPError is no builtin.*\nhint: .*is_kind/s, fn ->
        Code.eval_string("require SnakeBridge.Py; SnakeBridge.Py.kinds(\"requests.HTTPError\")")
      end
    end
  end

  test "an error of the bridge that a callback raises comes back as it was" do
    call = SnakeBridge.run!("lambda f: f()")

    for reason <- [:worker_died, :timeout, :interrupted, :ref_gone, :unavailable], hint <- [nil, "do this"] do
      error = %BridgeError{reason: reason, message: "what happened", hint: hint}
      assert {:error, ^error} = SnakeBridge.apply(call, [fn -> raise error end])
    end

    # Python code handles the interrupt as any other.
    catch_it =
      SnakeBridge.run!("def catch_it(f):\n  try: f()\n  except KeyboardInterrupt: return 1\ncatch_it")

    error = %BridgeError{reason: :interrupted, message: "stopped"}
    assert SnakeBridge.apply!(catch_it, [fn -> raise error end]) == 1
  end

  describe "an exception of Python" do
    test "is rescued by its class, by those above it, and by name" do
      get = fn -> SnakeBridge.call!("operator", "getitem", [[1], 5]) end

      assert :it ==
               (try do
                  get.()
                rescue
                  Py.IndexError -> :it
                end)

      assert "IndexError" ==
               (try do
                  get.()
                rescue
                  Py.KeyError -> :other
                  e in Py.kinds(LookupError) -> e.class
                end)

      assert :caught ==
               (try do
                  get.()
                catch
                  :error, e when Py.is_kind(e, "OSError") or Py.is_kind(e, "LookupError") -> :caught
                end)

      refute Py.is_kind(%ArgumentError{}, "Exception") or Py.is_kind(:no, "Exception")
    end

    test "is_kind takes aliases as kinds does, and refuses one that is no builtin" do
      {:error, error} = SnakeBridge.call("operator", "getitem", [%{}, "missing"])
      assert Py.is_kind(error, LookupError) and Py.is_kind(error, Py.KeyError)
      refute Py.is_kind(error, ValueError)
      {:error, missing} = SnakeBridge.call("builtins", "open", ["/no such file"])
      assert Py.is_kind(missing, IOError)

      assert_raise ArgumentError, ~r/HTTPError is no builtin/, fn ->
        Code.eval_string("require SnakeBridge.Py; SnakeBridge.Py.is_kind(%{}, HTTPError)")
      end
    end

    test "of another class arrives as its nearest builtin" do
      source = """
      class Base(Exception): pass
      class Mine(Base, OSError): pass
      """

      error = raised(source, "Mine(5, 'text')")
      assert %Py.OSError{class: "Mine", module: "builtins"} = %{error | module: "builtins"}

      assert Py.is_kind(error, "OSError") and Py.is_kind(error, "Exception") and
               Py.is_kind(error, hd(error.mro))

      refute Py.is_kind(error, "ValueError")

      assert %Py.Exception{class: "Local.Inner"} =
               raised("class Local:\n class Inner(Exception): pass", "Local.Inner")

      assert Exception.message(%Py.OSError{class: "HTTPError", module: "requests", message: "404"}) ==
               "requests.HTTPError: 404"
    end

    test "has traceback, source lines, notes, cause and context" do
      source = """
      def inner(): {}["k"]
      def caused():
          try: inner()
          except KeyError as error: raise ValueError("caused") from error
      def context():
          try: inner()
          except KeyError: raise ValueError("context")
      def none():
          try: inner()
          except KeyError: raise ValueError("none") from None
      def noted():
          error = ValueError("noted")
          error.__notes__ = ["one", "two", 3]
          raise error
      """

      names = names(source)
      fail = &elem(SnakeBridge.apply(SnakeBridge.item!(names, &1), []), 1)
      assert %Py.ValueError{cause: %Py.KeyError{message: "'k'", traceback: trace}} = caused = fail.("caused")
      assert [%{name: "caused", line: 3}, %{name: "inner", line: 1, file: "<string>"}] = trace
      assert caused.text =~ "direct cause"
      assert caused.step == 0
      assert %{cause: nil, context: %Py.KeyError{}} = fail.("context")
      assert %{cause: nil, context: nil} = fail.("none")
      assert %{notes: ["one", "two", "3"]} = noted = fail.("noted")

      assert Exception.message(noted) ==
               "ValueError: noted\none\ntwo\n3\n  at <string>:14 in noted"

      assert inspect(noted) == ~s|#SnakeBridge.Py.ValueError<noted, notes: ["one", "two", "3"]>|
    end

    test "tells a crash log its innermost frames, and of whom it is" do
      source = "def down(n): return down(n - 1) if n else int('x')"
      error = assert_raise Py.ValueError, fn -> SnakeBridge.run!(source <> "\ndown(20)") end
      [headline, innermost | _] = lines = String.split(Exception.message(error), "\n")
      assert headline == "ValueError: invalid literal for int() with base 10: 'x'"
      assert innermost =~ ~r/^  at run \d+:1 in down: def down/
      assert length(lines) == 10 and List.last(lines) == "  ... 14 more in error.text"
      {:error, error} = SnakeBridge.call("json", "loads", ["[1"])

      assert inspect(error) =~
               ~r/^#SnakeBridge.Py.ValueError<json.decoder.JSONDecodeError: Expecting [^\n]*>$/

      long = inspect(%Py.OSError{message: String.duplicate("x", 10_000), hint: "do"})
      assert long =~ ~r/^#SnakeBridge.Py.OSError<x+\.\.\., hint: "do">$/ and byte_size(long) < 300
    end

    test "is raised where the caller called" do
      trace = fn call ->
        try do
          call.()
          flunk("it did not raise")
        catch
          _, _ -> __STACKTRACE__
        end
      end

      run = function("def run(f): f()", "run")

      for call <- [
            fn -> [SnakeBridge.call!("math", "sqrt", [-1])] end,
            fn -> [SnakeBridge.apply!(run, [fn -> throw(:up) end])] end,
            fn -> [SnakeBridge.apply!(run, [fn -> :erlang.error({:badmatch, 1}) end])] end
          ] do
        assert [{__MODULE__, _, _, [file: _, line: _]} | _] = trace.(call)
      end
    end

    test "from a file has its source" do
      path = Path.join(System.tmp_dir!(), "snakebridge_#{System.unique_integer([:positive])}.py")
      File.write!(path, "def fails():\n    return 1 / 0  # here\n")
      on_exit(fn -> File.rm(path) end)
      run = SnakeBridge.call!("runpy", "run_path", [path], [], as: :ref) |> SnakeBridge.item!("fails")
      assert {:error, %Py.ZeroDivisionError{traceback: [frame]} = error} = SnakeBridge.apply(run, [])
      assert %{file: ^path, line: 2, name: "fails", source: "return 1 / 0  # here"} = frame
      assert error.text =~ "return 1 / 0"
    end

    test "that is a group has its exceptions" do
      source = """
      try: ExceptionGroup
      except NameError:
          class BaseExceptionGroup(BaseException):
              def __init__(self, message, exceptions):
                  super().__init__(message)
                  self.exceptions = tuple(exceptions)
          BaseExceptionGroup.__module__ = "exceptiongroup"
          class ExceptionGroup(BaseExceptionGroup, Exception): __module__ = "exceptiongroup"
      """

      error =
        raised(source, "ExceptionGroup('many', [ValueError('a'), ExceptionGroup('b', [KeyError('c')])])")

      assert %Py.ExceptionGroup{group: [%Py.ValueError{message: "a"}, inner]} = error
      assert %Py.ExceptionGroup{group: [%Py.KeyError{}]} = inner
      assert Py.is_kind(error, "BaseExceptionGroup")
    end

    test "may be SystemExit, KeyboardInterrupt, GeneratorExit, StopIteration, SyntaxError" do
      assert %Py.SystemExit{message: "3"} = raised("SystemExit(3)")
      assert %Py.KeyboardInterrupt{} = raised("KeyboardInterrupt")
      assert %Py.GeneratorExit{} = raised("GeneratorExit")
      assert %Py.StopIteration{message: "5"} = raised("StopIteration(5)")
      assert {:error, %Py.SyntaxError{} = error} = SnakeBridge.call("builtins", "eval", ["1 +\n(2"])
      assert error.message =~ "line"
      assert error.text =~ "SyntaxError"
    end

    test "of a missing module says how to get it" do
      {:error, error} = SnakeBridge.import("no_such_module_of_python")
      {:ok, python} = SnakeBridge.get("sys", "executable")
      assert %Py.ModuleNotFoundError{} = error
      assert Exception.message(error) =~ ~r/\nhint: if .*: #{python} -m pip install no_such_module_of_python$/
      # Python takes the frames of its import machinery away.
      assert error.traceback == []
      {:error, error} = SnakeBridge.import("yaml_that_is_not_there.sub")
      assert error.hint =~ "pip install yaml_that_is_not_there"
      # What the BEAM does with exceptions goes on working.
      assert {^error, _} = Exception.blame(:error, error, [])
      assert Exception.format(:error, error) =~ "SnakeBridge.Py.ModuleNotFoundError"
    end
  end

  describe "a hint" do
    test "names the module that was misspelt, and proposes to install none of that name" do
      for {name, meant} <- [{"maths", "math"}, {"jsn", "json"}, {"Asyncio", "asyncio"}] do
        assert {:error, %{hint: hint}} = SnakeBridge.import(name)
        assert hint == "did you mean #{meant}?"
      end

      {:error, error} = SnakeBridge.import("ruamel_.yaml")
      assert error.hint =~ "pip install ruamel_"
      {:error, error} = SnakeBridge.import("sphinxcontrib.no_such_thing")
      refute error.hint && error.hint =~ "pip"
    end

    test "says where options of the bridge go, where Python refuses them" do
      options = "come after the keyword arguments"
      one = function("def one(x): return x", "one")

      for {:error, %Py.TypeError{hint: hint}} <- [
            SnakeBridge.apply(one, [1], as: :list),
            SnakeBridge.call("math", "sqrt", [16], as: :list),
            SnakeBridge.call("builtins", "sorted", [[1]], timeout: 5)
          ] do
        assert hint =~ options
      end

      assert {:error, %Py.TypeError{hint: nil}} = SnakeBridge.apply(one, [1], other: 1)
      assert {:error, %Py.TypeError{hint: hint}} = SnakeBridge.apply(one, [1], timeout: 5)
      assert hint =~ "call(module, name, args, [], timeout: ...)"
    end
  end

  describe "a hostile exception" do
    test "with texts that fail" do
      source = """
      class Fails(Exception):
          def __str__(self): raise RuntimeError("no text")
          __repr__ = __str__
      class Exits(Exception):
          def __str__(self): raise SystemExit(1)
          __repr__ = __str__
      class Number(Exception):
          def __str__(self): return 5
          __repr__ = __str__
      class Notes(Exception): __notes__ = 5
      class BadNotes(Exception): __notes__ = [Fails(), "kept"]
      class Attributes(Exception):
          def __getattribute__(self, name): raise RuntimeError(name)
      class Frozen(Exception):
          def __setattr__(self, *_): raise AttributeError("frozen")
      """

      for class <- ~w(Fails Exits Number) do
        assert %Py.Exception{class: ^class, message: "<the exception's own __str__ failed>"} =
                 raised(source, "#{class}('x')")
      end

      assert %{notes: [], message: "x"} = raised(source, "Notes('x')")
      assert %{notes: ["kept"]} = raised(source, "BadNotes('x')")
      assert %{class: "Attributes", cause: nil} = raised(source, "Attributes('x')")
      assert %{class: "Frozen", traceback: [%{name: "run"}]} = raised(source, "Frozen('x')")
    end

    test "with a class that lies" do
      source = """
      class Meta(type):
          __mro__ = property(lambda cls: 1 / 0)
          __module__ = property(lambda cls: 5)
          def __getattribute__(cls, name): raise RuntimeError(name)
      class Lies(KeyError, metaclass=Meta): pass
      class Homeless(ValueError): __module__ = 5
      class Class(OSError): __class__ = property(lambda self: int)
      class Order(type):
          def mro(cls): return [cls, *reversed(super().mro()[1:-1]), object]
      class Ordered(ValueError, metaclass=Order): pass
      Long = type("x" * 1_000_000, (ValueError,), {})
      """

      assert %Py.KeyError{message: "'x'"} = raised(source, "Lies('x')")
      assert %Py.ValueError{class: "Homeless", module: nil} = raised(source, "Homeless('x')")
      assert %Py.OSError{class: "Class"} = raised(source, "Class('x')")
      assert %Py.BaseException{class: "Ordered"} = raised(source, "Ordered('x')")
      assert %Py.ValueError{class: class} = raised(source, "Long('x')")
      assert byte_size(class) < 2_000 and class =~ "more characters"
    end

    test "with rings and endless chains" do
      source = """
      a, b = ValueError("a"), KeyError("b")
      a.__cause__, b.__cause__ = b, a
      class Endless(Exception):
          __cause__ = property(lambda self: Endless())
          __context__ = property(lambda self: Endless())
          __suppress_context__ = False
      class Odd(Exception):
          __cause__ = property(lambda self: 5)
      deep = None
      for n in range(5000):
          e = ValueError(n); e.__cause__ = deep; deep = e
      """

      assert %Py.ValueError{cause: %Py.KeyError{cause: nil}} = raised(source, "a")
      assert %{class: "Endless"} = error = raised(source, "Endless()")
      assert count(error) <= 64
      assert %{cause: nil} = raised(source, "Odd()")
      assert %{message: "4999"} = error = raised(source, "deep")
      assert count(error) < 12
    end

    defp count(nil), do: 0
    defp count(error), do: 1 + count(error.cause) + count(error.context)

    test "with huge texts, surrogates and NULs" do
      error = raised("ValueError('x' * 100_000_000)")
      assert byte_size(error.message) < 200_000
      assert error.message =~ "... (99900000 more characters)"
      assert byte_size(error.text) < 200_000
      assert %{message: "a\\ud800b\0c"} = error = raised("ValueError('a\\ud800b\\0c')")
      assert String.valid?(error.text)
    end

    test "with a deep traceback" do
      source = """
      import sys
      def down(n):
          if n == 0: raise ValueError("deep")
          down(n - 1)
      def forever(): forever()
      """

      names = names(source)

      assert {:error, %Py.RecursionError{} = error} =
               SnakeBridge.apply(SnakeBridge.item!(names, "forever"), [])

      assert length(error.traceback) in 100..1_000
      assert byte_size(error.text) < 100_000

      assert {:error, %Py.ValueError{traceback: trace}} =
               SnakeBridge.apply(SnakeBridge.item!(names, "down"), [400])

      assert length(trace) == 401
    end
  end

  describe "the same object" do
    @source """
    thrown = []
    class Mine(ValueError):
        def __init__(self, message, extra):
            super().__init__(message)
            self.extra = extra
    def throw():
        error = Mine("m", [1])
        thrown.append(error)
        raise error
    def run(f):
        try: f()
        except Mine as error:
            trace, names = error.__traceback__, []
            while trace:
                names.append(trace.tb_frame.f_code.co_name)
                trace = trace.tb_next
            return error is thrown[-1], error.extra, names
    """

    test "passes through a callback" do
      names = names(@source)
      throw = SnakeBridge.item!(names, "throw")
      run = SnakeBridge.item!(names, "run")
      assert {true, [1], ["run" | trace]} = SnakeBridge.apply!(run, [fn -> SnakeBridge.apply!(throw, []) end])
      assert "throw" in trace

      # Rescued and raised again, by either way.
      again = fn ->
        try do
          SnakeBridge.apply!(throw, [])
        rescue
          e in Py.ValueError -> reraise e, __STACKTRACE__
        end
      end

      assert {true, [1], _} = SnakeBridge.apply!(run, [again])
      twice = fn -> SnakeBridge.apply!(run, [fn -> SnakeBridge.apply!(throw, []) end]) && again.() end
      assert {true, [1], _} = SnakeBridge.apply!(run, [twice])
    end

    if Native.loaded?() do
      test "is raised later, by its ref, from any process" do
        names = names(@source)
        {:error, first} = SnakeBridge.apply(SnakeBridge.item!(names, "throw"), [])
        {:error, _other} = SnakeBridge.apply(SnakeBridge.item!(names, "throw"), [])
        assert SnakeBridge.attr!(first.ref, "extra") == [1]
        SnakeBridge.steps!(names, [{:item, "thrown"}, {:method, "pop", [], []}])
        run = SnakeBridge.item!(names, "run")

        assert {true, [1], _} =
                 Task.await(Task.async(fn -> SnakeBridge.apply!(run, [fn -> raise first end]) end))
      end
    end

    test "of Elixir comes back as the same term and kind" do
      run = function("def run(f):\n    try: f()\n    finally: pass\n", "run")
      error = %URI.Error{action: :x, reason: {self(), make_ref()}, part: fn -> 1 end}
      assert catch_error(SnakeBridge.apply!(run, [fn -> raise error end])) === error

      for term <- [{:badmatch, 5}, {:mine, [1, self()]}, :odd, {:badmap, 1}, {:case_clause, 2}, :cond_clause] do
        assert catch_error(SnakeBridge.apply!(run, [fn -> :erlang.error(term) end])) == term
      end

      assert {:error, %MatchError{term: 5}} =
               SnakeBridge.apply(run, [fn -> :erlang.error({:badmatch, 5}) end])

      assert_raise ArithmeticError, fn -> SnakeBridge.apply!(run, [fn -> 1 / :erlang.phash2(1, 1) end]) end

      assert_raise FunctionClauseError, ~r"String.length/1", fn ->
        SnakeBridge.apply!(run, [fn -> String.length(hd([5])) end])
      end

      assert catch_throw(SnakeBridge.apply!(run, [fn -> throw({:ball, 1}) end])) == {:ball, 1}
      assert catch_exit(SnakeBridge.apply!(run, [fn -> exit({:shutdown, 1}) end])) == {:shutdown, 1}
      assert {:error, %CallbackError{kind: :exit}} = SnakeBridge.apply(run, [fn -> exit(:normal) end])
    end

    test "of Elixir can be caught in Python by its attributes, and is the cause of another" do
      source = """
      def run(f):
          try: f()
          except Exception as error:
              if type(error).__name__ != "ElixirError": raise
              raise LookupError(error.kind, type(error.reason).__name__, error.message) from error
      """

      run = function(source, "run")
      assert {:error, error} = SnakeBridge.apply(run, [fn -> raise ArgumentError, "bad thing" end])
      assert %Py.LookupError{cause: %ArgumentError{message: "bad thing"}} = error
      assert error.message == "('error', 'ElixirTerm', '** (ArgumentError) bad thing')"
      assert error.text =~ "ElixirError"

      assert {:error, %{cause: %CallbackError{kind: :throw, reason: :up}}} =
               SnakeBridge.apply(run, [fn -> throw(:up) end])
    end

    test "is made where Elixir raises one of Python's" do
      source = """
      def run(f):
          try: f()
          except Exception as error: return type(error).__name__, str(error), error.args
      """

      run = function(source, "run")
      assert SnakeBridge.apply!(run, [fn -> raise Py.KeyError, "k" end]) == {"KeyError", "'k'", {"k"}}
      assert SnakeBridge.apply!(run, [fn -> raise Py.TimeoutError end]) == {"TimeoutError", "", {""}}
      # It wants more than a message: the nearest that does not.
      assert {"UnicodeError", "u", _} = SnakeBridge.apply!(run, [fn -> raise Py.UnicodeDecodeError, "u" end])
    end
  end

  describe "a released or foreign ref" do
    test "does not keep an exception from being raised" do
      {:error, error} = SnakeBridge.call("math", "sqrt", [-1])
      start_supervised!({Session, name: __MODULE__.Other})
      run = Probe.run("def run(f):\n    f()\n", session: __MODULE__.Other) |> SnakeBridge.item!("run")
      error = %{error | ref: %SnakeBridge.Ref{session: Session, worker: 999, id: 1}}

      Process.put(:error, error)

      assert {:error, %Py.ValueError{message: "math domain error"}} =
               SnakeBridge.apply(run, [fn -> raise Process.get(:error) end])
    end
  end
end
