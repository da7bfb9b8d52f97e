defmodule SnakeBridge.Generator.DoctestsTest do
  use ExUnit.Case, async: true

  doctest SnakeBridge.Generator
  doctest SnakeBridge.Generator.Names
  doctest SnakeBridge.Generator.Source
  doctest SnakeBridge.Generator.Types
  doctest SnakeBridge.Schema
  doctest SnakeBridge.Schema.Diff
  doctest SnakeBridge.Schema.Store
  doctest SnakeBridge.Wrapper
end
