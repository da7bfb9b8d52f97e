defmodule Decimal do
  @moduledoc "What the bridge uses of the library of this name, which the tests do without."

  defstruct sign: 1, coef: 0, exp: 0

  def new(text) do
    case Regex.run(~r/^(-?)(?:(\d+)(?:\.(\d*))?(?:E([+-]?\d+))?|(Infinity|NaN))$/, text) do
      [_, sign, "", "", "", special] -> %Decimal{sign: sign(sign), coef: special(special)}
      [_, sign, whole | rest] -> finite(sign(sign), whole, Enum.at(rest, 0, ""), Enum.at(rest, 1, "0"))
      nil -> raise ArgumentError, "no number: #{text}"
    end
  end

  defp finite(sign, whole, fraction, exponent) do
    exponent = String.to_integer(String.trim_leading(exponent, "+"))
    %Decimal{sign: sign, coef: String.to_integer(whole <> fraction), exp: exponent - String.length(fraction)}
  end

  defp sign("-"), do: -1
  defp sign(""), do: 1
  defp special("NaN"), do: :NaN
  defp special("Infinity"), do: :inf

  defimpl String.Chars do
    def to_string(%{sign: sign, coef: coef, exp: exp}), do: "#{if sign < 0, do: "-"}#{coef}E#{exp}"
  end
end
