defmodule NetworkxTest do
  use LibraryCase, library: "networkx"

  setup_all do
    %{nx: import!("networkx")}
  end

  defp roads(nx) do
    graph = nx."Graph"()
    graph.add_edge("Bern", "Thun", weight: 30)
    graph.add_edge("Thun", "Brig", weight: 60)
    graph.add_weighted_edges_from([{"Bern", "Brig", 150}, {"Brig", "Chur", 160}])
    graph
  end

  test "nodes, edges and their attributes", %{nx: nx} do
    graph = roads(nx)
    assert Enum.sort(graph.nodes) == ["Bern", "Brig", "Chur", "Thun"]
    assert graph.number_of_edges() == 4
    assert graph["Bern"]["Thun"]["weight"] == 30
    assert graph.edges[{"Bern", "Brig"}]["weight"] == 150
    put_item!(item!(graph.nodes, "Bern", as: :ref), "capital", true)
    assert graph.nodes["Bern"] |> value!() == %{"capital" => true}
    assert graph.degree("Brig") == 3
    assert graph.has_node("Genf") == false
    assert "Bern" in graph
    assert Enum.sort(graph.neighbors("Bern")) == ["Brig", "Thun"]
    assert Enum.count(graph) == 4
  end

  test "iteration", %{nx: nx} do
    graph = roads(nx)

    assert for({a, b, data} <- graph.edges(data: true), a == "Bern", do: {b, data["weight"]}) |> Enum.sort() ==
             [{"Brig", 150}, {"Thun", 30}]

    assert for({node, degree} <- graph.degree(), into: %{}, do: {node, degree})["Thun"] == 2
    assert nx.bfs_edges(graph, "Bern") |> Enum.take(1) |> hd() |> elem(0) == "Bern"
    assert Enum.sort(for(part <- nx.connected_components(graph), do: MapSet.size(part))) == [4]
  end

  test "algorithms, weighted by a function of Elixir", %{nx: nx} do
    graph = roads(nx)
    assert nx.shortest_path(graph, "Bern", "Chur", weight: "weight") == ["Bern", "Thun", "Brig", "Chur"]
    assert nx.dijkstra_path_length(graph, "Bern", "Chur") == 250
    assert nx.dijkstra_path(graph, "Bern", "Brig", weight: fn _a, _b, _data -> 1 end) == ["Bern", "Brig"]

    assert nx.astar_path(graph, "Bern", "Chur", heuristic: fn _, _ -> 0 end, weight: "weight") |> length() ==
             4

    ranks = nx.pagerank(graph)
    assert_in_delta Enum.sum(Map.values(ranks)), 1.0, 1.0e-6
    tree = nx.minimum_spanning_tree(graph)
    assert tree.size(weight: "weight") == 250.0
    assert nx.betweenness_centrality(graph)["Brig"] > 0
  end

  test "directed graphs", %{nx: nx} do
    graph = nx."DiGraph"([{1, 2}, {2, 3}, {1, 3}])
    assert Enum.to_list(nx.topological_sort(graph)) == [1, 2, 3]
    assert graph.predecessors(3) |> Enum.sort() == [1, 2]
    assert graph.reverse().has_edge(3, 1) == true
    assert nx.descendants(graph, 1) == MapSet.new([2, 3])
    assert graph.out_degree()[1] == 2
    assert Enum.to_list(nx.simple_cycles(nx."DiGraph"([{1, 2}, {2, 1}]))) |> length() == 1
  end

  test "nodes that are terms of Elixir", %{nx: nx} do
    graph = nx."Graph"()
    graph.add_edge({1, "a"}, {2, "b"})
    pid = self()
    graph.add_edge(pid, {1, "a"})
    assert pid in Enum.to_list(graph.nodes)
    assert graph.has_edge({1, "a"}, pid) == true
  end

  test "conversion", %{nx: nx} do
    graph = nx.path_graph(3)
    assert nx.to_numpy_array(graph).sum() == 4.0
    assert nx.node_link_data(graph)["nodes"] |> length() == 3
    relabelled = nx.relabel_nodes(graph, fn n -> "n#{n}" end)
    assert Enum.sort(relabelled.nodes) == ["n0", "n1", "n2"]
    assert nx.is_isomorphic(graph, nx.path_graph(3)) == true
    assert Enum.join(nx.generate_gml(graph), "\n") =~ "graph ["
  end

  test "its exceptions", %{nx: nx} do
    graph = roads(nx)
    graph.add_node("Genf")
    assert %{class: "NetworkXNoPath", mro: mro} = catch_error(nx.shortest_path(graph, "Bern", "Genf"))
    assert "networkx.exception.NetworkXException" in mro
    assert %{class: "NodeNotFound"} = catch_error(nx.shortest_path(graph, "Bern", "Paris"))
    assert {:error, %{class: "NetworkXError"}} = method(graph, "remove_node", ["Paris"])
    assert %{class: "KeyError"} = catch_error(graph["Paris"])
  end
end
