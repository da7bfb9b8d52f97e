defmodule SnakeBridge.Session.Backoff do
  @moduledoc """
  When a session may start its worker again.

  The first new start is at once; where that one fails too, or its worker dies young, the next has to wait, twice as
  long each time up to a limit. A worker that has lived long enough makes all well again.

  A value, told the time by its caller: it neither starts nor waits for anything.

      iex> alias SnakeBridge.Session.Backoff
      iex> backoff = {100, 10_000} |> Backoff.new() |> Backoff.failed(0, "no python3") |> Backoff.failed(0, "no python3")
      iex> {Backoff.left(backoff, 0), Backoff.left(backoff, 60), Backoff.left(backoff, 500)}
      {100, 40, 0}
  """

  @young_ms 5_000

  @enforce_keys [:first, :most]
  defstruct [:first, :most, :last, failures: 0, not_before: nil]

  @type t :: %__MODULE__{
          first: non_neg_integer(),
          most: non_neg_integer(),
          last: String.t() | nil,
          failures: non_neg_integer(),
          not_before: integer() | nil
        }

  @doc "From the shortest wait and the longest, in ms."
  @spec new({non_neg_integer(), non_neg_integer()}) :: t()
  def new({first, most}) when is_integer(first) and first >= 0 and is_integer(most) and most >= first,
    do: %__MODULE__{first: first, most: most}

  @doc "A start has failed."
  @spec failed(t(), integer(), String.t()) :: t()
  def failed(%__MODULE__{failures: failures} = backoff, now, why) do
    # The exponent is bounded: a session may try for years.
    wait =
      if failures == 0,
        do: 0,
        else: min(backoff.most, backoff.first * Integer.pow(2, min(failures - 1, 20)))

    %{backoff | failures: failures + 1, not_before: now + wait, last: why}
  end

  @doc "A worker has ended that was started at `since`."
  @spec ended(t(), integer(), integer(), String.t()) :: t()
  def ended(backoff, since, now, _) when now - since >= @young_ms,
    do: %{backoff | failures: 0, not_before: nil, last: nil}

  def ended(backoff, _, now, why), do: failed(backoff, now, why)

  @doc "More is known of why the last one ended."
  @spec explain(t(), String.t()) :: t()
  def explain(%__MODULE__{failures: 0} = backoff, _), do: backoff
  def explain(backoff, why), do: %{backoff | last: why}

  @doc "How long the next start has to wait, in ms."
  @spec left(t(), integer()) :: non_neg_integer()
  def left(%__MODULE__{not_before: nil}, _), do: 0
  def left(%__MODULE__{not_before: time}, now), do: max(time - now, 0)
end
