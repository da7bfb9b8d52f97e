defmodule JaxTest do
  use LibraryCase, library: "jax"

  setup_all do
    call!("os", "environ.__setitem__", ["JAX_PLATFORMS", "cpu"])
    %{jax: import!("jax"), jnp: import!("jax.numpy")}
  end

  test "arrays", %{jax: jax, jnp: jnp} do
    xs = jnp.arange(6.0).reshape(2, 3)
    assert xs.shape == {2, 3}
    assert (xs * 2).sum() |> value!() == 30.0
    assert xs[{0, 1}] |> value!() == 1.0
    assert xs.at[{0, 0}].set(9.0).tolist() == [[9.0, 1.0, 2.0], [3.0, 4.0, 5.0]]
    assert matmul!(xs, xs.T).shape == {2, 2}
    assert Enum.map(jnp.arange(3), &value!/1) == [0, 1, 2]
    assert jax.devices() |> Enum.map(& &1.platform) |> Enum.uniq() == ["cpu"]
  end

  test "functions of Elixir are traced: gradients", %{jax: jax, jnp: jnp} do
    gradient = jax.grad(fn x -> x ** 3 + 2 * x end)
    assert value!(gradient.(2.0)) == 14.0
    loss = fn w, x -> jnp.sum((x * w) ** 2) end
    assert jax.grad(loss).(jnp.array([1.0, 2.0]), jnp.array([3.0, 4.0])).tolist() == [18.0, 64.0]
    {value, gradient} = jax.value_and_grad(loss).(jnp.array([1.0]), jnp.array([2.0]))
    assert {value!(value), gradient.tolist()} == {4.0, [8.0]}

    assert jax.hessian(fn x -> jnp.sum(x ** 3) end).(jnp.array([1.0, 2.0])).tolist() == [
             [6.0, 0.0],
             [0.0, 12.0]
           ]
  end

  test "functions of Elixir are compiled and mapped", %{jax: jax, jnp: jnp} do
    owner = self()

    square =
      jax.jit(fn x ->
        send(owner, :traced)
        x * x
      end)

    assert value!(square.(3.0)) == 9.0
    assert value!(square.(4.0)) == 16.0
    # The second call ran what was compiled.
    assert_received :traced
    refute_received :traced

    assert jax.vmap(fn x -> x.sum() end).(jnp.ones({3, 2})).tolist() == [2.0, 2.0, 2.0]
    assert to_string(jax.make_jaxpr(fn x -> x + 1 end).(1.0)) =~ "add"
    {total, partial} = jax.lax.scan(fn carry, x -> {carry + x, carry} end, 0.0, jnp.arange(4.0))
    assert {value!(total), partial.tolist()} == {6.0, [0.0, 0.0, 1.0, 3.0]}
    branch = jax.lax.cond(true, fn x -> x + 1 end, fn x -> x - 1 end, 1.0)
    assert value!(branch) == 2.0
  end

  test "random keys", %{jax: jax} do
    key = jax.random.key(0)
    [a, b] = jax.random.split(key) |> Enum.to_list()
    sample = jax.random.normal(a, shape: {1000})
    assert_in_delta value!(sample.mean()), 0.0, 0.2
    refute jax.random.uniform(a).item() == jax.random.uniform(b).item()
  end

  test "trees of Elixir values", %{jax: jax, jnp: jnp} do
    tree = %{"w" => jnp.ones(2), "b" => 1.0}
    doubled = jax.tree.map(fn x -> x * 2 end, tree)
    assert doubled["w"].tolist() == [2.0, 2.0]
    assert doubled["b"] == 2.0

    gradients = jax.grad(fn p -> jnp.sum(p["w"] * 3) + p["b"] end).(tree)
    assert gradients["w"].tolist() == [3.0, 3.0]
  end

  test "its exceptions", %{jax: jax, jnp: jnp} do
    branching = jax.jit(fn x -> if(x > 0, do: x, else: -x) end)
    assert %{class: "TracerBoolConversionError"} = catch_error(branching.(1.0))
    assert %{class: "TypeError"} = catch_error(jnp.dot(jnp.ones(2), jnp.ones(3)))
    assert %{class: "TypeError"} = catch_error(put_item!(jnp.ones(2), 0, 5))
    assert_raise ArgumentError, "stop", fn -> jax.jit(fn _ -> raise ArgumentError, "stop" end).(1.0) end
  end
end
