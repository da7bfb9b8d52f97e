defmodule ScikitLearnTest do
  use LibraryCase, library: "scikit-learn"

  setup_all do
    iris = call!("sklearn.datasets", "load_iris", [], return_X_y: true)
    {x, y} = iris

    [train_x, test_x, train_y, test_y] =
      call!("sklearn.model_selection", "train_test_split", [x, y], test_size: 0.3, random_state: 0)

    %{x: x, y: y, train_x: train_x, test_x: test_x, train_y: train_y, test_y: test_y}
  end

  test "a classifier is fitted, predicts and is scored", context do
    model = call!("sklearn.linear_model", "LogisticRegression", [], max_iter: 500, C: 2.0)
    fitted = model.fit(context.train_x, context.train_y)
    assert same?(fitted, model)
    assert model.score(context.test_x, context.test_y) > 0.9
    assert model.predict([[5.1, 3.5, 1.4, 0.2]]).tolist() == [0]
    assert model.predict_proba([[5.1, 3.5, 1.4, 0.2]]).shape == {1, 3}
    assert model.classes_.tolist() == [0, 1, 2]
    assert model.get_params()["C"] == 2.0
    assert inspect(model) =~ "LogisticRegression(C=2.0, max_iter=500)"
  end

  test "what is not fitted says so", context do
    model = call!("sklearn.svm", "SVC", [], kernel: "linear")
    assert {:error, error} = method(model, "predict", [context.test_x])
    assert error.class == "NotFittedError"
    assert "builtins.ValueError" in error.mro
    assert error.message =~ "not fitted yet"
  end

  test "a pipeline, searched over a grid", context do
    steps = [
      {"scale", call!("sklearn.preprocessing", "StandardScaler")},
      {"knn", call!("sklearn.neighbors", "KNeighborsClassifier")}
    ]

    pipeline = call!("sklearn.pipeline", "Pipeline", [steps])

    search =
      call!("sklearn.model_selection", "GridSearchCV", [pipeline, %{"knn__n_neighbors" => [1, 5]}], cv: 3)

    search.fit(context.train_x, context.train_y)
    assert %{"knn__n_neighbors" => best} = search.best_params_
    assert best in [1, 5]
    assert search.best_estimator_.score(context.test_x, context.test_y) > 0.9
    assert pipeline["knn"].__class__.__name__ == "KNeighborsClassifier"
    assert pipeline[0..0].steps |> length() == 1
    assert search.cv_results_["mean_test_score"].shape == {2}
  end

  test "functions of Elixir: a transformer and a scorer", context do
    transformer = call!("sklearn.preprocessing", "FunctionTransformer", [fn x -> x * 10 end], validate: true)
    assert transformer.fit_transform([[1.0, 2.0]]) |> value!() == [[10.0, 20.0]]

    accuracy = fn truth, predicted -> (truth == predicted).mean() end
    scorer = call!("sklearn.metrics", "make_scorer", [accuracy])
    tree = call!("sklearn.tree", "DecisionTreeClassifier", [], max_depth: 3, random_state: 0)

    scores =
      call!("sklearn.model_selection", "cross_val_score", [tree, context.x, context.y],
        scoring: scorer,
        cv: 4
      )

    assert Enum.count(scores) == 4
    assert Enum.all?(scores, &(&1 > 0.9))
  end

  test "clusters, components, metrics", context do
    kmeans = call!("sklearn.cluster", "KMeans", [], n_clusters: 3, n_init: 5, random_state: 0)
    labels = kmeans.fit_predict(context.x)
    assert labels |> Enum.uniq() |> Enum.sort() == [0, 1, 2]
    assert kmeans.cluster_centers_.shape == {3, 4}

    pca = call!("sklearn.decomposition", "PCA", [], n_components: 2)
    assert pca.fit_transform(context.x).shape == {150, 2}
    assert Enum.sum(pca.explained_variance_ratio_) > 0.9

    metrics = import!("sklearn.metrics")
    assert metrics.confusion_matrix([0, 1, 1], [0, 1, 0]).tolist() == [[1, 0], [1, 1]]

    assert %{"accuracy" => 0.75} =
             metrics.classification_report([0, 1, 1, 0], [0, 1, 0, 0], output_dict: true)

    assert metrics.roc_auc_score([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]) == 0.75
  end

  test "text is made into features" do
    vectorizer =
      call!("sklearn.feature_extraction.text", "TfidfVectorizer", [],
        tokenizer: &String.split/1,
        token_pattern: nil
      )

    matrix = vectorizer.fit_transform(["the bridge of the snake", "a bridge", "the snake"])
    assert matrix.shape == {3, 5}
    assert vectorizer.vocabulary_["bridge"] == 1
    assert "snake" in Enum.to_list(vectorizer.get_feature_names_out())
  end

  test "a model is kept as bytes", context do
    forest = call!("sklearn.ensemble", "RandomForestClassifier", [], n_estimators: 5, random_state: 0)
    forest.fit(context.train_x, context.train_y)
    saved = call!("pickle", "dumps", [forest])
    assert is_binary(saved)
    loaded = call!("pickle", "loads", [bytes(saved)])
    assert loaded.score(context.test_x, context.test_y) == forest.score(context.test_x, context.test_y)
  end
end
