defmodule SQLAlchemyTest do
  use LibraryCase, library: "sqlalchemy"

  @models """
  from sqlalchemy import ForeignKey, String
  from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

  class Base(DeclarativeBase):
      pass

  class User(Base):
      __tablename__ = "users"
      id: Mapped[int] = mapped_column(primary_key=True)
      name: Mapped[str] = mapped_column(String(30), unique=True)
      addresses: Mapped[list["Address"]] = relationship(back_populates="user", cascade="all, delete-orphan")

  class Address(Base):
      __tablename__ = "addresses"
      id: Mapped[int] = mapped_column(primary_key=True)
      email: Mapped[str]
      user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
      user: Mapped[User] = relationship(back_populates="addresses")
  # As their module would: the registry of the classes does not keep them.
  Base.kept = [User, Address]
  {"Base": Base, "User": User, "Address": Address}
  """

  setup do
    pool = get!("sqlalchemy.pool", "StaticPool")
    engine = call!("sqlalchemy", "create_engine", ["sqlite://"], poolclass: pool)
    {:ok, engine: engine, sa: import!("sqlalchemy")}
  end

  test "core: tables, inserts, selects", %{engine: engine, sa: sa} do
    metadata = sa."MetaData"()

    fruit =
      sa."Table"(
        "fruit",
        metadata,
        sa."Column"("id", sa."Integer", primary_key: true),
        sa."Column"("name", sa."String"(20), nullable: false),
        sa."Column"("price", sa."Numeric"(8, 2)),
        sa."Column"("day", sa."Date")
      )

    metadata.create_all(engine)
    connection = engine.connect()
    rows = [%{name: "apple", price: "1.5", day: ~D[2024-01-02]}, %{name: "pear", price: nil, day: nil}]
    rows = Enum.map(rows, fn row -> %{row | price: row.price && call!("decimal", "Decimal", [row.price])} end)
    result = connection.execute(sa.insert(fruit), rows)
    assert result.rowcount == 2
    connection.commit()
    query = sa.select(fruit.c.name, fruit.c.day).where(fruit.c.name.like("a%")).order_by(fruit.c.name.desc())
    assert to_string(query) =~ "WHERE fruit.name LIKE :name_1"
    row = connection.execute(query).one()
    assert row.name == "apple"
    assert row[1] == ~D[2024-01-02]
    assert Enum.to_list(row) == ["apple", ~D[2024-01-02]]
    assert connection.execute(sa.select(sa.func.count()).select_from(fruit)).scalar() == 2
    connection.close()
  end

  test "expressions are written with operators", %{sa: sa} do
    users = sa.table("users", sa.column("age"), sa.column("name"))
    condition = users.c.age > 18 &&& users.c.name == "x"
    assert to_string(condition) == "users.age > :age_1 AND users.name = :name_1"
    assert to_string(users.c.age + 1) == "users.age + :age_1"
    assert to_string(~~~users.c.name.in_(["a"])) =~ "NOT IN"
  end

  test "text queries and rows", %{engine: engine, sa: sa} do
    connection = engine.connect()
    rows = connection.execute(sa.text("select :a as a, :b as b union all select 3, 4"), %{a: 1, b: 2})

    assert for(row <- rows.mappings(), do: Map.new(row.items())) == [
             %{"a" => 1, "b" => 2},
             %{"a" => 3, "b" => 4}
           ]

    [first | _] = connection.execute(sa.text("select 1, 'x', null")).fetchall()
    assert Enum.to_list(first) == [1, "x", nil]
    blob = connection.execute(sa.text("select :data"), %{data: bytes("é")}).scalar()
    assert blob == "é"
    connection.close()
  end

  test "orm", %{engine: engine, sa: sa} do
    models = run!(@models)
    {user, address} = {models["User"], models["Address"]}
    models["Base"].metadata.create_all(engine)
    session = call!("sqlalchemy.orm", "Session", [engine])
    ann = user.(name: "ann", addresses: [address.(email: "a@x"), address.(email: "b@x")])
    session.add_all([ann, user.(name: "bob")])
    session.commit()
    assert ann.id == 1
    assert Enum.map(ann.addresses, & &1.email) == ["a@x", "b@x"]
    found = session.scalars(sa.select(user).join(user.addresses).where(address.email == "b@x")).one()
    assert same?(found, ann)
    assert for(u <- session.scalars(sa.select(user).order_by(user.name.desc())), do: u.name) == ["bob", "ann"]
    put_attr!(ann, "name", "anna")
    assert ann in session.dirty
    session.flush()
    assert session.get(user, 1).name == "anna"
    session.delete(ann)
    session.commit()
    assert session.query(address).count() == 0
    session.close()
  end

  test "errors", %{engine: engine, sa: sa} do
    models = run!(@models)
    models["Base"].metadata.create_all(engine)
    session = call!("sqlalchemy.orm", "Session", [engine])
    session.add_all([models["User"].(name: "x"), models["User"].(name: "x")])
    assert {:error, %{class: "IntegrityError"} = error} = method(session, "commit")
    assert "sqlalchemy.exc.SQLAlchemyError" in error.mro
    session.rollback()
    assert {:error, %{class: "NoResultFound"}} = method(session.scalars(sa.select(models["User"])), "one")

    assert {:error, %{class: "OperationalError"}} =
             method(session, "execute", [sa.text("select * from nothing")])

    session.close()
  end

  test "events call Elixir", %{engine: engine, sa: sa} do
    test = self()

    log = fn _conn, _cursor, statement, parameters, _context, _many ->
      send(test, {:sql, statement, parameters})
      nil
    end

    sa.event.listen(engine, "before_cursor_execute", log)
    connection = engine.connect()
    connection.execute(sa.text("select :n"), %{n: 7})
    assert_received {:sql, "select ?", {7}}
    connection.close()
  end

  test "functions of Elixir in SQL", %{engine: engine, sa: sa} do
    raw = engine.raw_connection()
    raw.create_function("shout", 1, &String.upcase/1)
    cursor = raw.cursor()
    cursor.execute("select shout(?)", {"abc"})
    assert cursor.fetchone() == {"ABC"}
    raw.close()
    _ = sa
  end

  test "contexts: a session, and a transaction that is rolled back", %{engine: engine, sa: sa} do
    models = run!(@models)
    user = models["User"]
    models["Base"].metadata.create_all(engine)

    with_python!(call!("sqlalchemy.orm", "Session", [engine]), fn session ->
      with_python!(session.begin(), fn _ -> session.add(user.(name: "kept")) end)

      assert_raise RuntimeError, "no", fn ->
        with_python!(session.begin(), fn _ ->
          session.add(user.(name: "lost"))
          raise "no"
        end)
      end

      assert Enum.to_list(session.scalars(sa.select(user.name))) == ["kept"]
    end)

    count = sa.text("select count(*) from users")
    assert {:ok, 1} = with_python(engine.connect(), fn connection -> connection.execute(count).scalar() end)
  end

  test "rows are streamed", %{engine: engine, sa: sa} do
    numbers = "with recursive n(x) as (select 1 union all select x + 1 from n where x < 1000) select x from n"

    with_python!(engine.connect(), fn connection ->
      rows = connection.execution_options(yield_per: 100).execute(sa.text(numbers))
      assert rows.scalars() |> stream!(chunk: 50) |> Stream.map(&(&1 * 2)) |> Enum.take(3) == [2, 4, 6]
    end)
  end
end
