defmodule PolarsTest do
  use LibraryCase, library: "polars"

  setup_all do
    pl = import!("polars")
    df = pl."DataFrame"(%{"city" => ["Bern", "Genf", "Bern"], "n" => [3, 1, 2]}, schema: ["city", "n"])
    %{pl: pl, df: df}
  end

  test "frames: shape, columns, rows", %{pl: pl, df: df} do
    assert df.shape == {3, 2}
    assert df.columns == ["city", "n"]
    assert df["n"].to_list() == [3, 1, 2]
    assert df[{0, "city"}] == "Bern"
    assert df.row(1) == {"Genf", 1}
    assert df.rows(named: true) |> hd() == %{"city" => "Bern", "n" => 3}
    assert df.to_dicts() |> length() == 3
    assert df.head(1).height == 1
    assert df[0..1].height == 2
    assert df.schema["n"] == pl."Int64"
    assert to_string(df) =~ "Genf"
  end

  test "expressions with operators", %{pl: pl, df: df} do
    big = df.filter(pl.col("n") > 1)
    assert big["n"].to_list() == [3, 2]
    both = df.filter(pl.col("n") > 1 &&& pl.col("city") == "Bern")
    assert both.height == 2
    more = df.with_columns((pl.col("n") * 2 + 1).alias("m"), half: pl.col("n") / 2)
    assert more["m"].to_list() == [7, 3, 5]
    assert more["half"].to_list() == [1.5, 0.5, 1.0]

    labelled =
      df.select(pl.when(pl.col("n") > 2).then(pl.lit("big")).otherwise(pl.lit("small")).alias("size"))

    assert labelled["size"].to_list() == ["big", "small", "small"]
    assert df.select(pl.col("city").str.to_uppercase()).to_series().to_list() == ["BERN", "GENF", "BERN"]
    assert df.filter(~~~(pl.col("city") == "Bern")).height == 1
    assert (10 - df["n"]).to_list() == [7, 9, 8]
  end

  test "grouping, joining, sorting", %{pl: pl, df: df} do
    sums = df.group_by("city", maintain_order: true).agg(pl.col("n").sum().alias("sum"), pl.len())

    assert sums.to_dicts() == [
             %{"city" => "Bern", "len" => 2, "sum" => 5},
             %{"city" => "Genf", "len" => 1, "sum" => 1}
           ]

    assert df.sort("n", descending: true)["n"].to_list() == [3, 2, 1]
    lakes = pl."DataFrame"(%{"city" => ["Genf"], "lake" => [true]})
    assert df.join(lakes, on: "city", how: "left")["lake"].null_count() == 2
    assert pl.concat([df, df]).height == 6
    assert df["city"].unique().sort().to_list() == ["Bern", "Genf"]
    assert df.pivot("city", values: "n", index: nil, aggregate_function: "sum")["Bern"].to_list() == [5]
  end

  test "lazy frames", %{pl: pl, df: df} do
    lazy = df.lazy().filter(pl.col("n") >= 2).select(pl.col("n").sum())
    assert lazy.explain() =~ "FILTER" or lazy.explain() =~ "SELECT"
    assert lazy.collect().item() == 5
    assert %{class: "ColumnNotFoundError"} = catch_error(df.lazy().select("nothing").collect())
  end

  test "functions of Elixir", %{pl: pl, df: df} do
    assert df["n"].map_elements(fn n -> n * 10 end, return_dtype: pl."Int64").to_list() == [30, 10, 20]
    mapped = df.select(pl.col("city").map_elements(&String.reverse/1, return_dtype: pl."String"))
    assert mapped["city"].to_list() == ["nreB", "fneG", "nreB"]

    assert df.map_rows(fn {city, n} -> {"#{city} #{n}"} end).to_series().to_list() == [
             "Bern 3",
             "Genf 1",
             "Bern 2"
           ]

    assert df.pipe(fn frame -> frame.height end) == 3
  end

  test "enumerable: series, rows, groups", %{df: df} do
    assert Enum.sum(df["n"]) == 6
    assert for(row <- df.iter_rows(named: true), do: row["city"]) == ["Bern", "Genf", "Bern"]
    groups = for {{city}, group} <- df.group_by("city"), into: %{}, do: {city, group.height}
    assert groups == %{"Bern" => 2, "Genf" => 1}
    assert Enum.map(df, & &1.name) == ["city", "n"]
  end

  test "dates, missing values, conversion", %{pl: pl, df: df} do
    dates = pl."Series"("d", [~D[2024-01-31], nil, ~D[2024-02-29]])
    assert dates.dtype == pl."Date"
    assert dates.to_list() == [~D[2024-01-31], nil, ~D[2024-02-29]]
    assert dates.dt.month().to_list() == [1, nil, 2]
    assert dates.is_null().to_list() == [false, true, false]
    assert pl."Series"([1.5, nil]).fill_null(0).sum() == 1.5
    assert df["n"].to_numpy().tolist() == [3, 1, 2]
    csv = df.write_csv()
    assert csv == "city,n\nBern,3\nGenf,1\nBern,2\n"
    assert pl.read_csv(bytes(csv)).equals(df) == true
    assert df.equals(pl.from_dicts(df.to_dicts())) == true
  end

  test "its exceptions", %{df: df} do
    assert %{class: "ColumnNotFoundError"} = catch_error(df["nothing"])
    assert {:error, %{module: module}} = method(df, "vstack", [df.select("n")])
    assert module =~ "polars"
    assert %{class: "TypeError"} = catch_error(if(df == df, do: 1))
  end
end
