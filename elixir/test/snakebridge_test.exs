defmodule SnakeBridgeTest do
  use ExUnit.Case, async: true

  doctest SnakeBridge
  doctest SnakeBridge.Marshal
  doctest SnakeBridge.Natural
  doctest SnakeBridge.Ref
  doctest SnakeBridge.Nearest
  doctest SnakeBridge.Session.Backoff
  doctest SnakeBridge.Unbound
  doctest SnakeBridge.IEx.Helpers
  doctest SnakeBridge.Decoder
  doctest SnakeBridge.Encoder
  doctest SnakeBridge.Pins
  doctest SnakeBridge.Py
  doctest SnakeBridge.Py.Hierarchy
  doctest SnakeBridge.Py.Text
  doctest SnakeBridge.Complex
  doctest SnakeBridge.Dynamic
  doctest SnakeBridge.Completion
  doctest SnakeBridge.Completion.Source
  doctest SnakeBridge.Options
  doctest SnakeBridge.Steps
end
