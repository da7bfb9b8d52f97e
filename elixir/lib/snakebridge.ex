defmodule SnakeBridge do
  @moduledoc """
  Python from Elixir: any Python object is a live ref, any Python function a call away.

  This module is the API that applications call.
  It evaluates no cells and renders nothing: that is the work of the front ends.
  """
end
