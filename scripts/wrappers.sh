#!/usr/bin/env bash
# Makes the wrappers of whole libraries in tests/libraries/wrappers, and looks at them: they compile without a warning, are
# formatted, are the same when they are made again, answer as Python does, and Dialyzer finds nothing in the first of
# them. $1 names another environment than the one that scripts/libraries.sh makes.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
trap 'exit 130' INT

project=$root/tests/libraries/wrappers
generated=$project/lib/python_wrappers
plt=$tools/wrappers.plt
log=$tools/log/wrappers.log
dialyzed="json math re pathlib collections sqlite3 asyncio numpy"

VIRTUAL_ENV=${1:-$tools/libraries}
export VIRTUAL_ENV MIX_ENV=test
unset CONDA_PREFIX PYTHONHOME

generate() {
    rm -rf "$generated" snakebridge.manifest
    quietly "$log" mix compile.snakebridge --force
}

# Whatever an earlier run has left.
generate_afresh() { rm -rf _build/snakebridge/store && generate; }

sums() { find "$generated" snakebridge.manifest -type f -print0 | sort -z | xargs -0 cksum; }

# Of the same documents: scipy.stats runs examples with random numbers when it is imported, for its docstrings.
same_again() {
    local before
    before=$(sums)
    generate && [ "$before" = "$(sums)" ]
}

# What the wrappers call is in the table, which is kept; it is made again for another Erlang or Elixir.
has_table() {
    [ -e "$plt" ] && dialyzer --check_plt --plt "$plt" >"$log" 2>&1 && return
    # 2: there are warnings, of what is not ours.
    dialyzer --build_plt --output_plt "$plt" --apps erts kernel stdlib elixir >"$log" 2>&1 || [ $? = 2 ]
}

dialyze() {
    local lib=_build/test/lib library name beams=()
    # Where Dialyzer finds Elixir, which it needs to read what Elixir has compiled.
    ERL_LIBS=$(elixir -e 'IO.puts(Path.dirname(:code.lib_dir(:elixir)))')
    export ERL_LIBS
    has_table || { tail -n 30 "$log" >&2 && return 1; }
    # A library without classes has one file.
    shopt -s nullglob
    for library in $dialyzed; do
        name=Elixir.${library^}
        beams+=("$lib/library_wrappers/ebin/$name.beam" "$lib/library_wrappers/ebin/$name".*.beam)
    done
    dialyzer --no_check_plt --plt "$plt" --quiet "${beams[@]}" \
        "$lib"/snakebridge/ebin/Elixir.SnakeBridge{,.Wrapper*,.Steps,.Ref,.Fault,.Options}.beam
}

cd "$project"
mkdir -p "$tools/log"
part "library compiles" quietly "$log" mix deps.compile
part "generated" generate_afresh
part "no warnings" mix compile --warnings-as-errors
part "formatted" mix format --check-formatted
part "the same again" same_again
part "as Python answers" mix test
if have dialyzer; then part "dialyzer" dialyze; else note "there is no dialyzer (Debian's erlang-dialyzer): left out"; fi
summary
