defmodule PackageWrappersTest do
  use ExUnit.Case, async: true

  import PythonAnswers

  test "numpy" do
    a = Numpy.arange!(6) |> Numpy.reshape!({2, 3})
    m = Numpy.array!([[2.0, 1.0], [1.0, 3.0]])

    same(
      "import numpy as np\na = np.arange(6).reshape(2, 3)\nm = np.array([[2., 1.], [1., 3.]])",
      [
        {a, "a"},
        {Numpy.linspace!(0, 1, num: 5), "np.linspace(0, 1, num=5)"},
        {Numpy.sum!(a), "np.sum(a)"},
        {Numpy.sum!(a, axis: 0), "np.sum(a, axis=0)"},
        {Numpy.mean!(a), "np.mean(a)"},
        {Numpy.transpose!(a), "np.transpose(a)"},
        {Numpy.concatenate!([a, a], axis: 1), "np.concatenate([a, a], axis=1)"},
        {Numpy.dot!(m, m), "np.dot(m, m)"},
        {Numpy.where!(Numpy.greater!(a, 2)), "np.where(np.greater(a, 2))"},
        {Numpy.sqrt!(m), "np.sqrt(m)"},
        {Numpy.add!(a, 1), "np.add(a, 1)"},
        {Numpy.argmax!(a), "np.argmax(a)"},
        {Numpy.cumsum!(a), "np.cumsum(a)"},
        {Numpy.pi!(), "np.pi"},
        {Numpy.Ndarray.tolist!(a), "a.tolist()"},
        {Numpy.Ndarray.shape!(a), "a.shape"},
        {Numpy.Ndarray.astype!(a, "float32"), "a.astype('float32')"},
        {Numpy.Int64.new!(3), "np.int64(3)"}
      ]
    )
  end

  test "numpy.linalg, numpy.fft, numpy.random" do
    m = Numpy.array!([[2.0, 1.0], [1.0, 3.0]])
    random = fn -> Numpy.Random.default_rng!(seed: 7) end

    same("import numpy as np\nm = np.array([[2., 1.], [1., 3.]])\nr = np.random.default_rng(7)", [
      {Numpy.Linalg.inv!(m), "np.linalg.inv(m)"},
      {Numpy.Linalg.det!(m), "np.linalg.det(m)"},
      {Numpy.Linalg.norm!(m, axis: 0), "np.linalg.norm(m, axis=0)"},
      {Numpy.Linalg.solve!(m, [1, 2]), "np.linalg.solve(m, [1, 2])"},
      {Numpy.Linalg.eigvalsh!(m), "np.linalg.eigvalsh(m)"},
      {Numpy.Linalg.matrix_rank!(m), "np.linalg.matrix_rank(m)"},
      {Numpy.Fft.fft!([1, 2, 3]), "np.fft.fft([1, 2, 3])"},
      {Numpy.Fft.irfft!([3, 1, 2], n: 4), "np.fft.irfft([3, 1, 2], n=4)"},
      {Numpy.Fft.fftfreq!(4, d: 0.5), "np.fft.fftfreq(4, d=.5)"},
      {Numpy.Random.Generator.integers!(random.(), 10, size: 3), "r.integers(10, size=3)"},
      {Numpy.Random.Generator.normal!(random.(), size: 2), "r.normal(size=2)"},
      {Numpy.Random.Generator.permutation!(random.(), 5), "r.permutation(5)"}
    ])

    assert {:error, %{class: "LinAlgError"}} = Numpy.Linalg.inv([[0, 0], [0, 0]])
  end

  test "pandas" do
    df = Pandas.DataFrame.new!(data: %{"a" => [3, 1, 2], "b" => ["x", "y", "x"]})

    same("import pandas as pd\ndf = pd.DataFrame({'a': [3, 1, 2], 'b': ['x', 'y', 'x']})", [
      {df, "df"},
      {Pandas.DataFrame.head!(df, n: 2), "df.head(2)"},
      {Pandas.DataFrame.shape!(df), "df.shape"},
      {Pandas.DataFrame.sort_values!(df, "a"), "df.sort_values('a')"},
      {Pandas.DataFrame.describe!(df), "df.describe()"},
      {Pandas.DataFrame.columns!(df), "df.columns"},
      {Pandas.DataFrame.rename!(df, columns: %{"a" => "c"}), "df.rename(columns={'a': 'c'})"},
      {Pandas.DataFrame.groupby!(df, by: "b") |> SnakeBridge.method!("sum"),
       "df.groupby(by='b').sum()"},
      {Pandas.DataFrame.to_dict!(df, orient: "list"), "df.to_dict(orient='list')"},
      {Pandas.concat!([df, df], ignore_index: true), "pd.concat([df, df], ignore_index=True)"},
      {Pandas.to_datetime!("2024-02-29"), "pd.to_datetime('2024-02-29')"},
      {Pandas.date_range!(start: "2024-01-01", periods: 3),
       "pd.date_range(start='2024-01-01', periods=3)"},
      {Pandas.Series.new!(data: [1, 2]) |> Pandas.Series.mean!(), "pd.Series([1, 2]).mean()"},
      {Pandas.isna!(nil), "pd.isna(None)"},
      {Pandas.get_dummies!(df), "pd.get_dummies(df)"}
    ])
  end

  test "scipy.stats" do
    x = [1.0, 2.0, 3.0, 5.0, 8.0]
    y = [2.0, 3.0, 5.0, 4.0, 9.0]

    same("import scipy.stats as s\nx = [1., 2., 3., 5., 8.]\ny = [2., 3., 5., 4., 9.]", [
      {Scipy.Stats.pearsonr!(x, y), "s.pearsonr(x, y)"},
      {Scipy.Stats.spearmanr!(x, b: y), "s.spearmanr(x, y)"},
      {Scipy.Stats.kendalltau!(x, y), "s.kendalltau(x, y)"},
      {Scipy.Stats.ttest_ind!(x, y), "s.ttest_ind(x, y)"},
      {Scipy.Stats.ttest_1samp!(x, 2), "s.ttest_1samp(x, 2)"},
      {Scipy.Stats.linregress!(x, y), "s.linregress(x, y)"},
      {Scipy.Stats.zscore!(x), "s.zscore(x)"},
      {Scipy.Stats.skew!(x), "s.skew(x)"},
      {Scipy.Stats.kurtosis!(x), "s.kurtosis(x)"},
      {Scipy.Stats.gmean!(x), "s.gmean(x)"},
      {Scipy.Stats.iqr!(x), "s.iqr(x)"},
      {Scipy.Stats.mannwhitneyu!(x, y), "s.mannwhitneyu(x, y)"},
      {Scipy.Stats.rankdata!(x), "s.rankdata(x)"},
      {Scipy.Stats.shapiro!(x), "s.shapiro(x)"}
    ])
  end

  test "sklearn.linear_model" do
    x = [[0.0], [1.0], [2.0], [3.0]]
    y = [1.0, 3.0, 5.0, 7.0]
    labels = [0, 0, 1, 1]
    linear = Sklearn.LinearModel.LinearRegression.new!()
    Sklearn.LinearModel.LinearRegression.fit!(linear, x, y)
    ridge = Sklearn.LinearModel.Ridge.new!(alpha: 0.5)
    Sklearn.LinearModel.Ridge.fit!(ridge, x, y)
    logistic = Sklearn.LinearModel.LogisticRegression.new!()
    Sklearn.LinearModel.LogisticRegression.fit!(logistic, x, labels)
    lasso = Sklearn.LinearModel.Lasso.new!(alpha: 0.1)
    Sklearn.LinearModel.Lasso.fit!(lasso, x, y)

    same(
      """
      from sklearn import linear_model as lm
      x = [[0.], [1.], [2.], [3.]]; y = [1., 3., 5., 7.]; k = [0, 0, 1, 1]
      linear = lm.LinearRegression().fit(x, y)
      ridge = lm.Ridge(alpha=.5).fit(x, y)
      logistic = lm.LogisticRegression().fit(x, k)
      lasso = lm.Lasso(alpha=.1).fit(x, y)
      """,
      [
        {linear, "linear"},
        {Sklearn.LinearModel.LinearRegression.predict!(linear, [[4.0]]),
         "linear.predict([[4.]])"},
        {Sklearn.LinearModel.LinearRegression.score!(linear, x, y), "linear.score(x, y)"},
        {Sklearn.LinearModel.LinearRegression.get_params!(linear), "linear.get_params()"},
        {SnakeBridge.attr!(linear, "coef_"), "linear.coef_"},
        {Sklearn.LinearModel.Ridge.predict!(ridge, x), "ridge.predict(x)"},
        {Sklearn.LinearModel.Ridge.score!(ridge, x, y), "ridge.score(x, y)"},
        {Sklearn.LinearModel.Ridge.get_params!(ridge), "ridge.get_params()"},
        {Sklearn.LinearModel.LogisticRegression.predict!(logistic, x), "logistic.predict(x)"},
        {Sklearn.LinearModel.LogisticRegression.predict_proba!(logistic, x),
         "logistic.predict_proba(x)"},
        {Sklearn.LinearModel.LogisticRegression.decision_function!(logistic, x),
         "logistic.decision_function(x)"},
        {Sklearn.LinearModel.Lasso.predict!(lasso, x), "lasso.predict(x)"},
        {Sklearn.LinearModel.ridge_regression!(x, y, 0.5), "lm.ridge_regression(x, y, .5)"}
      ]
    )

    assert {:error, error} =
             Sklearn.LinearModel.Ridge.predict(Sklearn.LinearModel.Ridge.new!(), x)

    assert error.class == "NotFittedError"
  end

  test "requests" do
    request = Requests.Request.new!(method: "GET", url: "http://localhost/a", params: %{"q" => 1})
    prepared = Requests.Request.prepare!(request)
    session = Requests.Session.new!()
    response = Requests.Response.new!()
    SnakeBridge.put_attr!(response, "status_code", 200)

    same(
      """
      import requests
      r = requests.Request('GET', 'http://localhost/a', params={'q': 1})
      p = r.prepare()
      s = requests.Session()
      answer = requests.Response(); answer.status_code = 200
      """,
      [
        {request, "r"},
        {prepared, "p"},
        {SnakeBridge.attr!(prepared, "url"), "p.url"},
        {Requests.PreparedRequest.path_url!(prepared), "p.path_url"},
        {Requests.PreparedRequest.copy!(prepared), "p.copy()"},
        {Requests.Session.get_adapter!(session, "http://x") |> SnakeBridge.attr!("max_retries"),
         "s.get_adapter('http://x').max_retries"},
        {Requests.Session.prepare_request!(session, request), "s.prepare_request(r)"},
        {Requests.Session.close!(session), "s.close()"},
        {Requests.Response.ok!(response), "answer.ok"},
        {Requests.Response.is_redirect!(response), "answer.is_redirect"},
        {Requests.Response.links!(response), "answer.links"},
        {Requests.codes!() |> SnakeBridge.attr!("not_found"), "requests.codes.not_found"}
      ]
    )

    assert {:error, error} = Requests.get("http://127.0.0.1:9", timeout: 2)
    assert error.class == "ConnectionError"
  end

  test "sympy" do
    x = Sympy.Symbol.new!("x")
    expression = Sympy.sympify!("x**2 - 2*x + 1")

    same("import sympy as s\nx = s.Symbol('x')\ne = s.sympify('x**2 - 2*x + 1')", [
      {expression, "e"},
      {Sympy.factor!(expression), "s.factor(e)"},
      {Sympy.expand!(Sympy.sympify!("(x + 1)**3")), "s.expand(s.sympify('(x + 1)**3'))"},
      {Sympy.diff!(expression, x), "s.diff(e, x)"},
      {Sympy.integrate!(expression, x), "s.integrate(e, x)"},
      {Sympy.solve!(expression, x), "s.solve(e, x)"},
      {Sympy.limit!(Sympy.Sin.new!(x), x, 0), "s.limit(s.sin(x), x, 0)"},
      {Sympy.simplify!(Sympy.sympify!("sin(x)**2 + cos(x)**2")),
       "s.simplify(s.sympify('sin(x)**2 + cos(x)**2'))"},
      {Sympy.latex!(expression), "s.latex(e)"},
      {Sympy.isprime!(97), "s.isprime(97)"},
      {Sympy.factorint!(360), "s.factorint(360)"},
      {Sympy.Rational.new!(1, q: 3), "s.Rational(1, 3)"},
      {Sympy.pi!(), "s.pi"},
      {Sympy.series!(Sympy.Exp.new!(x), x: x, n: 4), "s.series(s.exp(x), x, n=4)"}
    ])
  end

  test "networkx" do
    graph = Networkx.path_graph!(5)
    weighted = Networkx.Graph.new!()
    Networkx.Graph.add_edge!(weighted, "a", "b", weight: 3)
    Networkx.Graph.add_edge!(weighted, "b", "c", weight: 1)

    same(
      """
      import networkx as nx
      g = nx.path_graph(5)
      w = nx.Graph(); w.add_edge('a', 'b', weight=3); w.add_edge('b', 'c', weight=1)
      """,
      [
        {Networkx.shortest_path!(graph, source: 0, target: 4), "nx.shortest_path(g, 0, 4)"},
        {Networkx.dijkstra_path_length!(weighted, "a", "c"),
         "nx.dijkstra_path_length(w, 'a', 'c')"},
        {Networkx.diameter!(graph), "nx.diameter(g)"},
        {Networkx.density!(graph), "nx.density(g)"},
        {Networkx.is_connected!(graph), "nx.is_connected(g)"},
        {Networkx.degree_centrality!(graph), "nx.degree_centrality(g)"},
        {Networkx.pagerank!(graph), "nx.pagerank(g)"},
        {Enum.to_list(Networkx.connected_components!(graph)), "list(nx.connected_components(g))"},
        {Networkx.Graph.number_of_nodes!(weighted), "w.number_of_nodes()"},
        {Networkx.Graph.has_edge!(weighted, "a", "b"), "w.has_edge('a', 'b')"},
        {Networkx.complete_graph!(4) |> Networkx.Graph.number_of_edges!(),
         "nx.complete_graph(4).number_of_edges()"},
        {Networkx.average_clustering!(graph), "nx.average_clustering(g)"}
      ]
    )
  end

  test "pydantic" do
    model = Pydantic.create_model!("P", x: {SnakeBridge.get!("builtins", "int"), 1})
    one = SnakeBridge.apply!(model, [], x: 5)
    adapter = Pydantic.TypeAdapter.new!(SnakeBridge.run!("list[int]"))

    same(
      """
      import pydantic as p
      M = p.create_model('P', x=(int, 1))
      m = M(x=5)
      a = p.TypeAdapter(list[int])
      """,
      [
        {one, "m"},
        {Pydantic.BaseModel.model_dump!(one), "m.model_dump()"},
        {Pydantic.BaseModel.model_dump_json!(one), "m.model_dump_json()"},
        {Pydantic.BaseModel.model_copy!(one), "m.model_copy()"},
        {Pydantic.BaseModel.model_copy!(one, update: %{"x" => 2}),
         "m.model_copy(update={'x': 2})"},
        {SnakeBridge.method!(model, "model_json_schema"), "M.model_json_schema()"},
        {Pydantic.TypeAdapter.validate_python!(adapter, ["1", 2]), "a.validate_python(['1', 2])"},
        {Pydantic.TypeAdapter.validate_json!(adapter, "[1]"), "a.validate_json('[1]')"},
        {Pydantic.TypeAdapter.json_schema!(adapter), "a.json_schema()"},
        {Pydantic.TypeAdapter.dump_python!(adapter, [1]), "a.dump_python([1])"},
        {Pydantic.py_Field!(default: 3), "p.Field(default=3)"},
        {Pydantic.py_VERSION!(), "p.VERSION"}
      ]
    )

    assert {:error, error} = Pydantic.TypeAdapter.validate_python(adapter, ["x"])
    assert error.class == "ValidationError"
  end

  test "matplotlib.pyplot" do
    SnakeBridge.call!("matplotlib", "use", ["agg"])
    alias Matplotlib.Pyplot

    Pyplot.figure!(num: 7, figsize: {4, 3})
    Pyplot.plot!([1, 2, 3], [1, 4, 9], label: "squares")
    Pyplot.title!("Squares")
    Pyplot.xlabel!("n")
    Pyplot.xlim!(0, 5)

    given = [
      Pyplot.get_fignums!(),
      Pyplot.xlim!(),
      Pyplot.gca!() |> SnakeBridge.method!("get_title"),
      Pyplot.gca!() |> SnakeBridge.method!("get_xlabel"),
      Pyplot.gcf!() |> SnakeBridge.method!("get_size_inches") |> SnakeBridge.method!("tolist"),
      Pyplot.fignum_exists!(7),
      Pyplot.legend!() |> SnakeBridge.method!("get_texts") |> Enum.count(),
      Pyplot.isinteractive!(),
      Pyplot.get_backend!(),
      Pyplot.cla!(),
      Pyplot.clf!(),
      Pyplot.close!(fig: 7),
      Pyplot.get_fignums!()
    ]

    before = """
    import matplotlib; matplotlib.use('agg')
    import matplotlib.pyplot as plt
    plt.close('all'); plt.figure(num=7, figsize=(4, 3)); plt.plot([1, 2, 3], [1, 4, 9], label='squares')
    plt.title('Squares'); plt.xlabel('n'); plt.xlim(0, 5)
    """

    sources = [
      "plt.get_fignums()",
      "plt.xlim()",
      "plt.gca().get_title()",
      "plt.gca().get_xlabel()",
      "plt.gcf().get_size_inches().tolist()",
      "plt.fignum_exists(7)",
      "len(plt.legend().get_texts())",
      "plt.isinteractive()",
      "plt.get_backend()",
      "plt.cla()",
      "plt.clf()",
      "plt.close(fig=7)",
      "plt.close('all'); plt.get_fignums()"
    ]

    same(before, Enum.zip(given, sources))
  end
end
