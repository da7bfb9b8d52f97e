defmodule SnakeBridge.Make do
  @moduledoc """
  An object that Python makes when it reads the term: the result of calling what `path` names. See
  `SnakeBridge.Encoder.make/3`.
  """

  @type t :: %__MODULE__{path: String.t(), args: [term()], kwargs: %{optional(String.t() | atom()) => term()}}

  @enforce_keys [:path]
  defstruct [:path, args: [], kwargs: %{}]
end

defprotocol SnakeBridge.Encoder do
  @moduledoc """
  What Python gets for a struct of your own.

  Without an implementation a struct arrives in Python as an opaque object: its fields can be read, and it comes back as
  it was. An implementation gives something else in its place: any term that Python has a counterpart for, refs and other
  structs with an implementation included.

  A map of its fields, with text as keys, needs no code:

      defmodule Point do
        @derive {SnakeBridge.Encoder, only: [:x, :y]}
        defstruct [:x, :y, :cache]
      end

  Options: `only:` and `except:`, lists of fields; without one it is all fields.

  For a type that Python must construct, `make/3` says how:

      defimpl SnakeBridge.Encoder, for: Money do
        def encode(money), do: SnakeBridge.Encoder.make("decimal.Decimal", [Money.to_string(money)])
      end

  The other direction is `SnakeBridge.Decoder`. Structs that the table of `SnakeBridge.Conversion` knows are not asked:
  they have their counterpart.
  """

  @fallback_to_any true

  @doc "What goes to Python in the place of a struct. The struct itself, unchanged, goes as an opaque object."
  @spec encode(t()) :: term()
  def encode(struct)

  @doc """
  The result of calling something in Python, as a term: it is made where Python reads it.

  `path` names what is called: a module, then attributes; without a dot, a builtin.

      iex> fraction = SnakeBridge.Encoder.make("fractions.Fraction", [1, 3])
      iex> SnakeBridge.call("builtins", "str", [fraction])
      {:ok, "1/3"}

      iex> SnakeBridge.call("builtins", "len", [SnakeBridge.Encoder.make("dict", [], a: 1, b: 2)])
      {:ok, 2}
  """
  @spec make(String.t(), [term()], keyword() | %{optional(String.t() | atom()) => term()}) ::
          SnakeBridge.Make.t()
  Kernel.def make(path, args \\ [], kwargs \\ []) when is_binary(path) and is_list(args) do
    %SnakeBridge.Make{path: path, args: args, kwargs: Map.new(kwargs)}
  end
end

defimpl SnakeBridge.Encoder, for: Any do
  defmacro __deriving__(module, struct, options) do
    fields =
      fields(Map.keys(struct) -- [:__struct__, :__exception__], Keyword.validate!(options, [:only, :except]))

    quote do
      defimpl SnakeBridge.Encoder, for: unquote(module) do
        def encode(struct), do: Map.take(struct, unquote(fields))
      end
    end
  end

  defp fields(all, only: only), do: known!(only, all)
  defp fields(all, except: except), do: all -- known!(except, all)
  defp fields(all, []), do: all

  defp fields(_, _),
    do: raise(ArgumentError, "SnakeBridge.Encoder is derived with only: or with except:, not both")

  defp known!(fields, all) do
    case fields -- all do
      [] -> fields
      unknown -> raise ArgumentError, "SnakeBridge.Encoder: the struct has no fields #{inspect(unknown)}"
    end
  end

  # These are other libraries', which may be compiled before or after this one, and may be missing: so they are known by
  # name, and only where nobody has implemented the protocol for them.
  def encode(%{__struct__: Decimal, sign: sign, coef: coef, exp: exp}),
    do: SnakeBridge.Encoder.make("decimal.Decimal", [decimal(if(sign < 0, do: "-", else: ""), coef, exp)])

  def encode(%{__struct__: Nx.Tensor} = tensor), do: SnakeBridge.Array.from_nx(tensor)

  def encode(%{__struct__: module} = table) when module in [Explorer.DataFrame, Explorer.Series],
    do: SnakeBridge.Arrow.from_explorer(table)

  def encode(struct), do: struct

  defp decimal(_, :NaN, _), do: "NaN"
  defp decimal(sign, :inf, _), do: sign <> "Infinity"
  defp decimal(sign, coef, exp), do: "#{sign}#{coef}E#{exp}"
end
