defmodule SnakeBridge.Drop.Builtins do
  @moduledoc "The names that Python 3.10 to 3.14 has everywhere, and `ex`, which our workers have."

  @names ~w(Ellipsis NotImplemented EnvironmentError IOError abs aiter all anext any ascii bin bool breakpoint bytearray bytes
            callable chr classmethod compile complex copyright credits delattr dict dir divmod enumerate eval exec exit
            filter float format frozenset getattr globals hasattr hash help hex id input int isinstance issubclass iter len
            license list locals map max memoryview min next object oct open ord pow print property quit range repr reversed
            round set setattr slice sorted staticmethod str sum super tuple type vars zip __build_class__ __builtins__
            __debug__ __doc__ __import__ __loader__ __name__ __package__ __spec__ __file__ __annotations__ __class__ ex)
         |> Kernel.++(Enum.map(SnakeBridge.Py.Hierarchy.names(), &Atom.to_string/1))
         |> MapSet.new()

  @doc """
  Whether it is one.

      iex> Enum.map(["sum", "KeyError", "x"], &SnakeBridge.Drop.Builtins.name?/1)
      [true, true, false]
  """
  @spec name?(String.t()) :: boolean()
  def name?(name), do: MapSet.member?(@names, name)
end
