defmodule SnakeBridge.Unbound do
  @moduledoc """
  What a variable holds that a drop may bind and did not, where it held nothing before: see `SnakeBridge.sigil_PY/2`.

      iex> import SnakeBridge, only: [sigil_PY: 2]
      iex> ~PY"if False: found = 1"
      iex> found
      %SnakeBridge.Unbound{name: "found"}
  """

  @type t :: %__MODULE__{name: String.t()}

  @enforce_keys [:name]
  defstruct [:name]
end
