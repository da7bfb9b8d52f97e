defmodule SnakeBridge.Project.Error do
  @moduledoc """
  Something about a project's configuration, wrappers or packages is not as it should be.

  `file` and `line` say where, if it is at a place; `hint` what to do.
  """

  @type t :: %__MODULE__{
          message: String.t(),
          file: Path.t() | nil,
          line: pos_integer() | nil,
          hint: String.t() | nil
        }

  defexception [:message, :file, :line, :hint]

  @impl true
  def message(%{message: message, file: file, line: line, hint: hint}) do
    place = if file, do: Enum.join([Path.relative_to_cwd(file) | List.wrap(line)], ":") <> ": ", else: ""
    place <> message <> if(hint, do: "\nhint: #{hint}", else: "")
  end
end
