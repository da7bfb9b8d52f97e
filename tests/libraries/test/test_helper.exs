LibraryCase.count_calls()
ExUnit.start(formatters: [ExUnit.CLIFormatter, LibraryTable], timeout: 120_000)
