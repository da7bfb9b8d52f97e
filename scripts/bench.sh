#!/usr/bin/env bash
# Runs the benchmarks; arguments go to bench/run.py.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

activate_test_env
exec python "$root/bench/run.py" "$@"
