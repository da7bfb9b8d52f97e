#!/usr/bin/env bash
# Makes the wrappers of whole libraries in tests/libraries/wrappers, and looks at them: they compile without a warning, are
# formatted, are the same when they are made again, and answer as Python does. $1 names another environment than the one
# that scripts/libraries.sh makes.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
trap 'exit 130' INT

project=$root/tests/libraries/wrappers
generated=$project/lib/python_wrappers

VIRTUAL_ENV=${1:-$tools/libraries}
export VIRTUAL_ENV
unset CONDA_PREFIX PYTHONHOME

sums() { find "$generated" -name '*.ex' -print0 | sort -z | xargs -0 cksum; }

compiled() { MIX_ENV="test" mix compile --warnings-as-errors; }

same_again() {
    local before
    mkdir -p "$tools/log"
    before=$(sums)
    rm -r "$generated"
    MIX_ENV="test" mix compile --force --warnings-as-errors >"$tools/log/wrappers.log" 2>&1 || return 1
    [ "$before" = "$(sums)" ]
}

formatted() { mix format --check-formatted; }

cd "$project"
part "wrappers of whole libraries compile" compiled
part "formatted" formatted
part "the same again" same_again
part "as Python answers" mix test
summary
