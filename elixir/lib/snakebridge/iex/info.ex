defmodule IEx.Info.SnakeBridge.Ref do
  @moduledoc false
  # What `defimpl IEx.Info, for: SnakeBridge.Ref` makes, for `i ref`. It would ask for the protocol now, and IEx is no
  # dependency: a release may have none.

  alias SnakeBridge.IEx.Objects

  Module.register_attribute(__MODULE__, :__impl__, persist: true)
  @__impl__ [protocol: IEx.Info, for: SnakeBridge.Ref]

  def __impl__(:target), do: __MODULE__
  def __impl__(:protocol), do: IEx.Info
  def __impl__(:for), do: SnakeBridge.Ref

  def info(ref) do
    known =
      case Objects.about(ref) do
        {:ok, about} -> Objects.facts(ref, about)
        {:error, text} -> [{"Type", ref.type}, {"State", text}]
      end

    [{"Data type", "SnakeBridge.Ref"}] ++
      known ++
      [
        {"Description", "An object of Python. Its documentation: py_doc"},
        {"Reference modules", "SnakeBridge, SnakeBridge.Ref"}
      ]
  end
end
