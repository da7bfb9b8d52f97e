# Structs that are shown in ways of their own; here, for protocols are consolidated before the tests are compiled.

defmodule SnakeBridge.Displayed do
  @moduledoc false
  # `gives`: a function that gives what the implementation gives.
  defstruct [:gives]

  defimpl SnakeBridge.Display do
    def mime_bundle(%{gives: function}), do: function.()
  end
end

defmodule SnakeBridge.Displayed.User do
  @moduledoc false
  @derive {Inspect, except: [:password]}
  defstruct [:name, :password]
end
