#!/usr/bin/env bash
# Runs the tests, `test.sh [rust|python|kernel|labextension|elixir]...` (all of them by default), on a build with debug
# assertions. What follows `--` goes to the test runner.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
trap 'exit 130' INT

chosen=()
while (($# > 0)) && [ "$1" != -- ]; do
    chosen+=("$1")
    shift
done
if (($# > 0)); then shift; fi
if ((${#chosen[@]} == 0)); then chosen=(rust python kernel labextension elixir); fi

# The native libraries of Python and Elixir are no part of it: their tests are in those languages, whose symbols a test
# binary could not link.
rust_packages=(--workspace --exclude snakebridge-native --exclude snakebridge-nif)

test_rust() {
    cd "$root"
    if cargo nextest --version >/dev/null 2>&1; then
        cargo nextest run "${rust_packages[@]}" --no-fail-fast "$@"
    else
        note "cargo-nextest was not found: cargo test runs instead, which is slower (cargo install cargo-nextest --locked)"
        cargo test "${rust_packages[@]}" --lib --bins --tests --no-fail-fast "$@"
    fi
}

test_rust_docs() {
    cd "$root"
    cargo test "${rust_packages[@]}" --doc
}

test_python() {
    cd "$root/python"
    python -m pytest "$@"
}

# Clients of Jupyter against the built binary.
test_kernel() {
    cd "$root/tests/kernel"
    python -m pytest "$@"
}

# What of the JupyterLab extension can be tried without a browser.
test_labextension() {
    cd "$root/kernel/labextension"
    npm test --silent
}

test_elixir() {
    cd "$root/elixir"
    mix test "$@"
}

activate_test_env
"$root/scripts/build.sh" dev
for name in "${chosen[@]}"; do
    case $name in
        rust)
            part "Rust" test_rust "$@"
            if (($# == 0)); then part "Rust, examples in docs" test_rust_docs; fi
            ;;
        python) part "Python" test_python "$@" ;;
        kernel) part "Jupyter kernel" test_kernel "$@" ;;
        labextension)
            if have npm; then
                part "JupyterLab extension" test_labextension
            else
                note "npm was not found: the JupyterLab extension is not tested"
            fi
            ;;
        elixir) part "Elixir" test_elixir "$@" ;;
        *) die "test.sh has no part '$name'" "its parts: rust python kernel labextension elixir" ;;
    esac
done
summary
