defmodule StandardLibraryWrappersTest do
  use ExUnit.Case, async: true

  import PythonAnswers

  test "json" do
    object = %{"b" => [1, 2.5, nil], "a" => "é"}
    decoder = Json.JSONDecoder.new!()
    encoder = Json.JSONEncoder.new!(sort_keys: true)
    file = SnakeBridge.call!("io", "StringIO", [])
    Json.dump!([1, 2], file)

    same("import json, io\no = {'b': [1, 2.5, None], 'a': 'é'}", [
      {Json.dumps!(object, sort_keys: true), "json.dumps(o, sort_keys=True)"},
      {Json.dumps!(object, sort_keys: true, indent: 2),
       "json.dumps(o, sort_keys=True, indent=2)"},
      {Json.dumps!([1], separators: {",", ":"}), "json.dumps([1], separators=(',', ':'))"},
      {Json.dumps!("é", ensure_ascii: false), "json.dumps('é', ensure_ascii=False)"},
      {Json.loads!(~s|{"a": [1, 2]}|), "json.loads('{\"a\": [1, 2]}')"},
      {Json.loads!("1e3"), "json.loads('1e3')"},
      {Json.loads!("[NaN]"), "json.loads('[NaN]')"},
      {SnakeBridge.method!(file, "getvalue"),
       "f = io.StringIO(); json.dump([1, 2], f); f.getvalue()"},
      {Json.JSONDecoder.decode!(decoder, "[1]"), "json.JSONDecoder().decode('[1]')"},
      {Json.JSONDecoder.raw_decode!(decoder, "[1] x"), "json.JSONDecoder().raw_decode('[1] x')"},
      {Json.JSONEncoder.encode!(encoder, object), "json.JSONEncoder(sort_keys=True).encode(o)"},
      {Json.load!(SnakeBridge.call!("io", "StringIO", ["[3]"])), "json.load(io.StringIO('[3]'))"}
    ])

    assert {:error, %SnakeBridge.Py.ValueError{class: "JSONDecodeError"}} = Json.loads("[")
  end

  test "math" do
    same("import math", [
      {Math.sqrt!(2), "math.sqrt(2)"},
      {Math.pi!(), "math.pi"},
      {Math.hypot!(3, 4), "math.hypot(3, 4)"},
      {Math.comb!(10, 3), "math.comb(10, 3)"},
      {Math.gcd!(12, 18, 27), "math.gcd(12, 18, 27)"},
      {Math.log!(8, 2), "math.log(8, 2)"},
      {Math.log!(8), "math.log(8)"},
      {Math.fsum!([0.1, 0.2, 0.3]), "math.fsum([.1, .2, .3])"},
      {Math.isclose!(1.0, 1.001, rel_tol: 0.01), "math.isclose(1.0, 1.001, rel_tol=.01)"},
      {Math.factorial!(20), "math.factorial(20)"},
      {Math.modf!(2.5), "math.modf(2.5)"},
      {Math.frexp!(10), "math.frexp(10)"},
      {Math.inf!(), "math.inf"},
      {Math.prod!([1, 2, 3], start: 2), "math.prod([1, 2, 3], start=2)"},
      {Math.atan2!(1, 2), "math.atan2(1, 2)"}
    ])

    assert {:error, %SnakeBridge.Py.ValueError{}} = Math.sqrt(-1)
  end

  test "re" do
    pattern = Re.compile!("(?P<a>b+)c")
    match = Re.search!("(?P<a>b+)c", "abbc")

    same("import re\np = re.compile('(?P<a>b+)c')\nm = p.search('abbc')", [
      {Re.sub!("b", "x", "abba"), "re.sub('b', 'x', 'abba')"},
      {Re.sub!("b", "x", "abba", count: 1), "re.sub('b', 'x', 'abba', count=1)"},
      {Re.split!(",", "a,b,c"), "re.split(',', 'a,b,c')"},
      {Re.findall!("b.", "abcbd"), "re.findall('b.', 'abcbd')"},
      {Re.escape!("a.b"), "re.escape('a.b')"},
      {Re.match!("x", "abc"), "re.match('x', 'abc')"},
      {Re.fullmatch!("abc", "abc"), "re.fullmatch('abc', 'abc')"},
      {Re.subn!("b", "x", "abba"), "re.subn('b', 'x', 'abba')"},
      {pattern, "p"},
      {match, "m"},
      {Re.Match.group!(match, "a"), "m.group('a')"},
      {Re.Match.groupdict!(match), "m.groupdict()"},
      {Re.Match.span!(match), "m.span()"},
      {Re.Pattern.findall!(pattern, "bcbbc"), "p.findall('bcbbc')"},
      {Re.Pattern.pattern!(pattern), "p.pattern"}
    ])
  end

  test "pathlib" do
    path = Pathlib.PurePosixPath.new!("/a/b.tar.gz")

    same("import pathlib\np = pathlib.PurePosixPath('/a/b.tar.gz')", [
      {path, "p"},
      {Pathlib.PurePosixPath.name!(path), "p.name"},
      {Pathlib.PurePosixPath.suffix!(path), "p.suffix"},
      {Pathlib.PurePosixPath.suffixes!(path), "p.suffixes"},
      {Pathlib.PurePosixPath.stem!(path), "p.stem"},
      {Pathlib.PurePosixPath.parent!(path), "p.parent"},
      {Pathlib.PurePosixPath.parts!(path), "p.parts"},
      {Pathlib.PurePosixPath.with_suffix!(path, ".zip"), "p.with_suffix('.zip')"},
      {Pathlib.PurePosixPath.with_name!(path, "c"), "p.with_name('c')"},
      {Pathlib.PurePosixPath.joinpath!(path, "x", "y"), "p.joinpath('x', 'y')"},
      {Pathlib.PurePosixPath.is_absolute!(path), "p.is_absolute()"},
      {Pathlib.PurePosixPath.as_posix!(path), "p.as_posix()"},
      {Pathlib.PurePosixPath.match!(path, "*.gz"), "p.match('*.gz')"},
      {Pathlib.Path.exists!(Pathlib.Path.new!("/")), "pathlib.Path('/').exists()"}
    ])
  end

  test "collections" do
    counter = Collections.Counter.new!("banana")
    deque = Collections.Deque.new!([1, 2, 3])
    Collections.Deque.rotate!(deque, 1)
    ordered = Collections.OrderedDict.new!(%{"a" => 1})

    same(
      """
      import collections
      c = collections.Counter('banana')
      d = collections.deque([1, 2, 3]); d.rotate(1)
      o = collections.OrderedDict({'a': 1})
      """,
      [
        {counter, "c"},
        {Collections.Counter.most_common!(counter, n: 2), "c.most_common(2)"},
        {Collections.Counter.total!(counter), "c.total()"},
        {Enum.sort(Collections.Counter.elements!(counter)), "sorted(c.elements())"},
        {Collections.Counter.copy!(counter), "c.copy()"},
        {deque, "d"},
        {Collections.Deque.count!(deque, 1), "d.count(1)"},
        {Collections.Deque.index!(deque, 2), "d.index(2)"},
        {Collections.Deque.copy!(deque), "d.copy()"},
        {Collections.Deque.maxlen!(deque), "d.maxlen"},
        {ordered, "o"},
        {Collections.OrderedDict.copy!(ordered), "o.copy()"},
        {Collections.namedtuple!("P", ["x", "y"]) |> SnakeBridge.apply!([1, 2]),
         "collections.namedtuple('P', 'x y')(1, 2)"},
        {Collections.ChainMap.new!(%{"a" => 1}, %{"b" => 2}),
         "collections.ChainMap({'a': 1}, {'b': 2})"}
      ]
    )
  end

  test "sqlite3" do
    db = Sqlite3.connect!(":memory:")
    Sqlite3.Connection.execute!(db, "create table t (a, b)")
    Sqlite3.Connection.executemany!(db, "insert into t values (?, ?)", [{1, "x"}, {2, "y"}])
    cursor = Sqlite3.Connection.execute!(db, "select * from t where a > ?", {1})
    all = Sqlite3.Connection.execute!(db, "select b from t")

    same(
      """
      import sqlite3
      db = sqlite3.connect(':memory:')
      db.execute('create table t (a, b)')
      db.executemany('insert into t values (?, ?)', [(1, 'x'), (2, 'y')])
      """,
      [
        {Sqlite3.Cursor.fetchone!(cursor),
         "db.execute('select * from t where a > ?', (1,)).fetchone()"},
        {Sqlite3.Cursor.fetchall!(all), "db.execute('select b from t').fetchall()"},
        {Sqlite3.Connection.total_changes!(db), "db.total_changes"},
        {Sqlite3.Connection.in_transaction!(db), "db.in_transaction"},
        {Sqlite3.Connection.commit!(db), "db.commit()"},
        {Sqlite3.Connection.in_transaction!(db), "db.commit(); db.in_transaction"},
        {Sqlite3.complete_statement!("select 1;"), "sqlite3.complete_statement('select 1;')"},
        {Sqlite3.complete_statement!("select"), "sqlite3.complete_statement('select')"},
        {Sqlite3.sqlite_version!(), "sqlite3.sqlite_version"},
        {Sqlite3.threadsafety!(), "sqlite3.threadsafety"},
        {Sqlite3.Connection.isolation_level!(db), "db.isolation_level"},
        {Enum.to_list(Sqlite3.Connection.iterdump!(db)), "list(db.iterdump())"}
      ]
    )

    assert {:error, error} = Sqlite3.Connection.execute(db, "nonsense")
    assert error.class == "OperationalError"
    Sqlite3.Connection.close!(db)
  end

  test "asyncio" do
    queue = Asyncio.Queue.new!(maxsize: 2)
    Asyncio.Queue.put_nowait!(queue, 1)
    event = Asyncio.Event.new!()
    lock = Asyncio.Lock.new!()
    semaphore = Asyncio.Semaphore.new!(value: 2)

    same(
      """
      import asyncio
      q = asyncio.Queue(2); q.put_nowait(1)
      """,
      [
        {Asyncio.sleep!(0, result: "x"), "await asyncio.sleep(0, 'x')"},
        {Asyncio.Queue.qsize!(queue), "q.qsize()"},
        {Asyncio.Queue.full!(queue), "q.full()"},
        {Asyncio.Queue.maxsize!(queue), "q.maxsize"},
        {Asyncio.Queue.get!(queue), "await q.get()"},
        {Asyncio.Queue.empty!(queue), "q.get_nowait(); q.empty()"},
        {Asyncio.Event.is_set!(event), "asyncio.Event().is_set()"},
        {Asyncio.Event.set!(event), "asyncio.Event().set()"},
        {Asyncio.Event.wait!(event), "e = asyncio.Event(); e.set(); await e.wait()"},
        {Asyncio.Lock.locked!(lock), "asyncio.Lock().locked()"},
        {Asyncio.Lock.acquire!(lock), "await asyncio.Lock().acquire()"},
        {Asyncio.Semaphore.locked!(semaphore), "asyncio.Semaphore(2).locked()"},
        {Asyncio.iscoroutinefunction!(SnakeBridge.get!("asyncio", "sleep")),
         "asyncio.iscoroutinefunction(asyncio.sleep)"},
        {Asyncio.wait_for!(Asyncio.sleep!(0, [result: 5], as: :ref), 3),
         "await asyncio.wait_for(asyncio.sleep(0, 5), 3)"}
      ]
    )
  end
end
