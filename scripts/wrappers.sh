#!/usr/bin/env bash
# Makes the wrappers of whole libraries in tests/libraries/wrappers, and looks at them: they compile without a warning, are
# formatted, are the same when they are made again, answer as Python does, and Dialyzer finds nothing in the first of
# them. Uses the packages that scripts/libraries.sh installs, or those of the environment that $1 names.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
trap 'exit 130' INT

project=$root/tests/libraries/wrappers
generated=$project/lib/python_wrappers
plt=$tools/wrappers.plt
# All of it, with the sources of sixteen libraries, in seconds; more says that something has become slow.
budget=${SNAKEBRIDGE_WRAPPERS_BUDGET:-1500}
first_eight="json math re pathlib collections sqlite3 asyncio numpy"

VIRTUAL_ENV=${1:-$tools/libraries}
export VIRTUAL_ENV
unset CONDA_PREFIX PYTHONHOME

sums() { find "$generated" -name '*.ex' -print0 | sort -z | xargs -0 cksum; }

compiled() { MIX_ENV=test mix compile --warnings-as-errors; }

same_again() {
    local before
    before=$(sums)
    rm -r "$generated"
    MIX_ENV=test mix compile --force --warnings-as-errors >"$tools/log/wrappers.log" 2>&1 || return 1
    [ "$before" = "$(sums)" ]
}

formatted() { mix format --check-formatted; }

# The modules of the first eight, in Dialyzer's words; what they call is in the table, which is kept.
dialyzed() {
    local ebin=_build/test/lib elixir library modules=()
    elixir=$(elixir -e 'IO.puts(:code.lib_dir(:elixir))')
    if ! [ -e "$plt" ] || ! dialyzer --check_plt --plt "$plt" >/dev/null 2>&1; then
        dialyzer --build_plt --output_plt "$plt" --apps erts kernel stdlib crypto -r "$elixir/ebin" \
            "$(dirname "$elixir")/logger/ebin" >"$tools/log/wrappers.log" 2>&1 || [ $? = 2 ] || return 1
    fi
    for library in $first_eight; do
        modules+=("$ebin/library_wrappers/ebin/Elixir.${library^}".beam)
        modules+=("$ebin/library_wrappers/ebin/Elixir.${library^}".*.beam)
    done
    dialyzer --no_check_plt --plt "$plt" --quiet "${modules[@]}" "$ebin"/snakebridge/ebin/Elixir.SnakeBridge{,.Wrapper*,.Steps,.Ref,.Fault,.Options}.beam
}

within_budget() { ((SECONDS < budget)) || die "it took $SECONDS s, and may take $budget s"; }

have dialyzer || die "dialyzer is missing: apt-get install erlang-dialyzer"
cd "$project"
part "wrappers of whole libraries compile" compiled
part "formatted" formatted
part "the same again" same_again
part "as Python answers" mix test
part "dialyzer" dialyzed
part "within $budget s" within_budget
summary
