defmodule SnakeBridge.Encoded do
  @moduledoc "Structs that say, or do not, what they are to be in Python."

  defmodule All do
    @moduledoc false
    @derive SnakeBridge.Encoder
    defstruct [:x, :y]
  end

  defmodule Only do
    @moduledoc false
    @derive {SnakeBridge.Encoder, only: [:x]}
    defstruct [:x, :y]
  end

  defmodule Except do
    @moduledoc false
    @derive {SnakeBridge.Encoder, except: [:x]}
    defstruct [:x, :y]
  end

  defmodule Opaque do
    @moduledoc false
    defstruct [:x, :y]
  end

  defmodule Fraction do
    @moduledoc false
    defstruct [:over, :under]

    defimpl SnakeBridge.Encoder do
      def encode(%{over: over, under: under}),
        do: SnakeBridge.Encoder.make("fractions.Fraction", [over, under])
    end
  end

  defmodule Failing do
    @moduledoc false
    defstruct how: :raise

    defimpl SnakeBridge.Encoder do
      def encode(%{how: :raise}), do: raise("no way")
      def encode(%{how: :throw}), do: throw(:no_way)
    end
  end
end
