#!/usr/bin/env bash
# Checks formatting and lints of every language; changes nothing.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
trap 'exit 130' INT
cd "$root"

# mix_in FOLDER ARGUMENT...
mix_in() {
    cd "$root/$1"
    shift
    mix "$@"
}

# The build has fetched what it takes itself, and that alone.
lint_labextension() {
    cd "$root/kernel/labextension"
    if ! [ -x node_modules/.bin/tsc ] || ! [ node_modules/.package-lock.json -nt package-lock.json ]; then npm ci; fi
    npm run lint
}

activate_test_env
part "Cargo.lock" cargo metadata --locked --format-version 1 --quiet >/dev/null
part "cargo fmt" cargo fmt --all --check
part "clippy" cargo clippy --workspace --all-targets --all-features -- -D warnings
part "ruff check" ruff check .
part "ruff format" ruff format --check .
part "mix format" mix_in elixir format --check-formatted
part "mix format, libraries" mix_in tests/libraries format --check-formatted
# Also of files that need not be compiled again.
part "mix compile" mix_in elixir compile --all-warnings --warnings-as-errors
if have npm; then
    part "JupyterLab extension" lint_labextension
else
    note "npm was not found: the JupyterLab extension is not checked"
fi
if have shellcheck; then
    part "shellcheck" shellcheck --external-sources scripts/*.sh .ci/run
else
    note "shellcheck was not found: the shell scripts are not checked (apt-get install shellcheck)"
fi
summary
