defmodule SnakeBridge.Vega do
  @moduledoc """
  Recognises specifications of charts, Vega's and Vega-Lite's. Drawing them is the front end's work.
  """

  @default "https://vega.github.io/schema/vega-lite/v5.json"

  @doc """
  The mime type of a specification, by its `"$schema"`; nil for a map that is none.

      iex> SnakeBridge.Vega.mime(%{"$schema" => "https://vega.github.io/schema/vega-lite/v5.2.0.json"})
      "application/vnd.vegalite.v5+json"
      iex> SnakeBridge.Vega.mime(%{"$schema": "https://vega.github.io/schema/vega/v5.json"})
      "application/vnd.vega.v5+json"
      iex> SnakeBridge.Vega.mime(%{"$schema" => "https://json-schema.org/draft/2020-12/schema"})
      nil
  """
  @spec mime(map()) :: String.t() | nil
  def mime(spec) do
    with schema when is_binary(schema) <- schema(spec),
         [_, library, version] <- Regex.run(~r"/schema/(vega|vega-lite)/v(\d+)[.\d]*\.json$", schema) do
      "application/vnd.#{String.replace(library, "-", "")}.v#{version}+json"
    else
      _ -> nil
    end
  end

  @doc "The specification with a `$schema`: its own, else that of Vega-Lite 5."
  @spec with_schema(map()) :: map()
  def with_schema(spec), do: if(schema(spec), do: spec, else: Map.put(spec, "$schema", @default))

  defp schema(spec), do: Map.get(spec, "$schema") || Map.get(spec, :"$schema")
end
