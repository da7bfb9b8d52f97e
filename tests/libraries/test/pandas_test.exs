defmodule PandasTest do
  use LibraryCase, library: "pandas"

  def frame(pd) do
    pd.DataFrame.(
      %{"city" => ["Bern", "Genf", "Bern", "Chur"], "n" => [3, 1, 2, 4], "t" => [1.5, 2.5, :nan, 0.5]},
      columns: ["city", "n", "t"]
    )
  end

  setup_all do
    pd = import!("pandas")
    %{pd: pd, df: frame(pd)}
  end

  test "frames are made of maps, lists of maps and lists", %{pd: pd, df: df} do
    assert df.shape == {4, 3}
    assert df.columns.tolist() == ["city", "n", "t"]
    assert to_string(df) =~ "Genf"
    assert pd."DataFrame"([%{"a" => 1, "b" => 2}, %{"a" => 3}]).isna().sum().sum() == 1
    assert pd."DataFrame"([%{a: 1}, %{a: 2}])["a"].sum() == 3
    assert pd."DataFrame"([[1, 2], [3, 4]], columns: ["x", "y"]).T.shape() == {2, 2}
    assert pd."Series"([1, 2, 3], index: ["a", "b", "c"], name: "s")["b"] == 2
  end

  test "columns, rows and cells", %{df: df} do
    assert df["n"].mean() == 2.5
    assert df.n.max() == 4
    assert df[["city", "n"]].shape == {4, 2}
    assert df.loc[{0, "city"}] == "Bern"
    assert df.iloc[0]["n"] == 3
    assert df.iloc[{0..1, 1}].tolist() == [3, 1]
    assert df.iloc[-1].to_dict() == %{"city" => "Chur", "n" => 4, "t" => 0.5}
    assert df[df["n"] > 1].shape == {3, 3}
    assert df[df["n"] > 1 &&& df["city"] == "Bern"]["n"].tolist() == [3, 2]
    assert df.head(2)["city"].tolist() == ["Bern", "Genf"]
    assert df.query("n >= 3")["city"].tolist() == ["Bern", "Chur"]
    assert df.at[{1, "n"}] == 1
    assert df[1..2].shape == {2, 3}
  end

  test "chains: group, aggregate, sort, convert", %{df: df} do
    sums = df.groupby("city")["n"].sum()
    assert sums.to_dict() == %{"Bern" => 5, "Chur" => 4, "Genf" => 1}

    table = df.groupby("city").agg(n_sum: {"n", "sum"}, t_max: {"t", "max"}).reset_index()
    assert table.columns.tolist() == ["city", "n_sum", "t_max"]
    assert table.sort_values("n_sum", ascending: false)["city"].tolist() == ["Bern", "Chur", "Genf"]
    assert df.sort_values(by: ["city", "n"]).to_dict(orient: "records") |> hd() |> Map.get("n") == 2
    assert df.describe().loc["mean"]["n"] == 2.5
    assert df["city"].value_counts()["Bern"] == 2
    assert df.pivot_table(index: "city", values: "n", aggfunc: "mean").loc["Bern"]["n"] == 2.5
    assert df["city"].str.upper().str.slice(0, 2).unique() |> Enum.sort() == ["BE", "CH", "GE"]
  end

  test "new columns, in the frame and in a copy", %{pd: pd} do
    df = frame(pd)
    df = put_in(df["double"], df["n"] * 2)
    assert df["double"].tolist() == [6, 2, 4, 8]
    more = df.assign(half: df["n"] / 2, size: fn frame -> frame["n"] + 1 end)
    assert more["half"].tolist() == [1.5, 0.5, 1.0, 2.0]
    assert more["size"].tolist() == [4, 2, 3, 5]
    put_item!(df.loc, {df["n"] > 2, "n"}, 0)
    assert df["n"].tolist() == [0, 1, 2, 0]
    {column, df} = pop_in(df["double"])
    assert column.sum() == 20
    assert Enum.to_list(df) == ["city", "n", "t"]
  end

  test "functions of Elixir: apply, map, pipe, transform", %{df: df} do
    assert df["n"].apply(fn n -> n * 10 end).tolist() == [30, 10, 20, 40]
    assert df["city"].map(&String.downcase/1).tolist() == ["bern", "genf", "bern", "chur"]
    assert df.apply(fn row -> "#{row["city"]}-#{row["n"]}" end, axis: 1).tolist() |> hd() == "Bern-3"
    assert df.pipe(fn frame, n -> frame.head(n) end, 2).shape == {2, 3}
    assert df[["n"]].apply(fn column -> column.max() - column.min() end)["n"] == 3
    assert df.groupby("city")["n"].apply(fn group -> group.tolist() end).to_dict()["Bern"] == [3, 2]
    assert df["n"].agg(["min", "max"]).tolist() == [1, 4]
    assert df["city"].map(%{"Bern" => 1, "Genf" => 2}).tolist() == [1.0, 2.0, 1.0, :nan]
  end

  test "an exception of an Elixir function comes back as it was", %{df: df} do
    error =
      assert_raise ArgumentError, "no cities", fn ->
        df["city"].map(fn _ -> raise ArgumentError, "no cities" end)
      end

    assert error.message == "no cities"
    assert catch_throw(df["n"].apply(fn n -> if(n == 2, do: throw({:found, n}), else: n) end)) == {:found, 2}
  end

  test "frames, rows and groups are enumerable", %{df: df} do
    assert Enum.to_list(df["city"]) == ["Bern", "Genf", "Bern", "Chur"]
    assert for({index, row} <- df.iterrows(), do: {index, row["n"]}) == [{0, 3}, {1, 1}, {2, 2}, {3, 4}]
    assert df.itertuples(index: false) |> Enum.map(& &1.city) == ["Bern", "Genf", "Bern", "Chur"]

    assert for({city, group} <- df.groupby("city"), do: {city, Enum.count(group["n"])}) ==
             [{"Bern", 2}, {"Chur", 1}, {"Genf", 1}]

    assert df.items() |> Enum.map(&elem(&1, 0)) == ["city", "n", "t"]
  end

  test "times and missing values", %{pd: pd} do
    stamp = pd."Timestamp"("2024-02-29 12:30", tz: "Europe/Zurich")
    assert stamp.day_name() == "Thursday"
    assert (stamp + pd."Timedelta"(days: 1)).date() == ~D[2024-03-01]
    days = pd.date_range("2024-01-01", periods: 3, freq: "D")
    assert days.strftime("%d.%m.").tolist() == ["01.01.", "02.01.", "03.01."]
    series = pd."Series"([1, nil, 3], index: days)
    assert series.isna().tolist() == [false, true, false]
    assert series.ffill().tolist() == [1.0, 1.0, 3.0]
    assert series.resample("2D").sum().tolist() == [1.0, 3.0]
    assert pd.to_datetime(["2024-01-01", "2024-06-01"]).month.tolist() == [1, 6]
    assert series[series.index > ~N[2024-01-01 12:00:00]].shape == {2}
    assert pd.isna(pd."NA") == true
    assert pd."Series"([~D[2024-01-01], ~D[2024-01-02]])[0] == ~D[2024-01-01]
  end

  test "merging, concatenating, reshaping", %{pd: pd, df: df} do
    lakes = pd."DataFrame"(%{"city" => ["Genf", "Bern"], "lake" => [true, false]})
    joined = df.merge(lakes, on: "city", how: "left")
    assert joined["lake"].isna().sum() == 1
    assert pd.concat([df, df], ignore_index: true).shape == {8, 3}
    long = df.melt(id_vars: ["city"], value_vars: ["n"])
    assert long.columns.tolist() == ["city", "variable", "value"]
    assert df.set_index("city").loc["Genf"]["n"] == 1
    assert pd.get_dummies(df["city"]).shape == {4, 3}

    assert pd.cut(df["n"], bins: [0, 2, 4], labels: ["low", "high"]).tolist() == [
             "high",
             "low",
             "low",
             "high"
           ]
  end

  test "text formats", %{pd: pd, df: df} do
    csv = df.to_csv(index: false)
    assert csv =~ "city,n,t\nBern,3,1.5\n"
    again = pd.read_csv(call!("io", "StringIO", [csv]), dtype: %{"n" => "int64"})
    assert again.equals(df) == true
    assert length(call!("json", "loads", [df.to_json(orient: "records")])) == 4
    assert df.to_dict("list")["n"] == [3, 1, 2, 4]
    assert df.to_string(index: false) =~ "Chur"
  end

  test "streams, contexts, many calls at once", %{pd: pd, df: df} do
    assert df |> stream!("itertuples", [], index: false, name: nil) |> Enum.take(1) == [{"Bern", 3, 1.5}]
    chunks = pd.read_csv(call!("io", "StringIO", ["a\n1\n2\n3\n"]), chunksize: 2)
    assert with_python!(chunks, fn reader -> Enum.map(reader, & &1.shape) end) == [{2, 1}, {1, 1}]
    with_python!(pd.option_context("display.max_rows", 2), fn _ -> assert to_string(df) =~ "..." end)
    assert batch!([{df["n"], "sum", []}, {df["n"], "nlargest", [], n: 1}]) |> hd() == 10
    assert run!("df.groupby('city').n.sum().idxmax()", df: df) == "Bern"
  end

  test "its exceptions", %{pd: pd, df: df} do
    assert %{class: "KeyError"} = catch_error(df["nothing"])

    assert %{class: "ParserError", mro: mro} =
             catch_error(pd.read_csv(call!("io", "StringIO", ["a,b\n1,2,3\n4\n\"x"])))

    assert "builtins.ValueError" in mro
    assert %{class: "IndexError"} = catch_error(df.iloc[100])
    error = catch_error(if(df["n"] > 1, do: :never))
    assert error.class == "ValueError" and error.message =~ "ambiguous"
    assert %{class: "MergeError"} = catch_error(df.merge(df, on: "city", validate: "one_to_one"))
  end

  test "values", %{df: df} do
    assert value!(df["n"]) == [3, 1, 2, 4]
    assert df["n"].to_numpy().tolist() == [3, 1, 2, 4]
    assert df.values.tolist() |> hd() == ["Bern", 3, 1.5]
    assert df.dtypes["n"].name == "int64"
    assert df.memory_usage(deep: true).sum() > 0
    assert df.index.tolist() == [0, 1, 2, 3]
    assert df.empty == false
  end
end
