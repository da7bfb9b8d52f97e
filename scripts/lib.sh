# shellcheck shell=bash
# What every script here shares: the paths, the words said to the user, the PATH. Sourced, never run.

set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
tools=$root/.tools

# Without a UTF-8 locale the BEAM and Python would read and write file names and text as Latin-1 or ASCII.
if [ -z "${LC_ALL:-}${LC_CTYPE:-}${LANG:-}" ]; then export LC_ALL=C.UTF-8; fi

# The Elixir that set-up built goes first: it is there only because the machine's own was missing or too old.
export PATH=$tools/elixir/bin:$PATH:$tools/bin

# Said aloud, so that a personal cargo configuration cannot put the results where no script looks.
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$root/target}

say() { printf '==> %s\n' "$*" >&2; }
note() { printf '    %s\n' "$*" >&2; }

# die WHAT [HINT...]: what happened, then one line for each thing to do.
die() {
    printf 'error: %s\n' "$1" >&2
    shift
    local hint
    for hint in "$@"; do printf 'hint: %s\n' "$hint" >&2; done
    exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# at_least HAVE WANT: compares the first two numbers of a version, so `at_least 1.18.3 1.15` holds.
at_least() {
    local have_major have_minor want_major want_minor rest
    IFS=. read -r have_major have_minor rest <<<"$1."
    IFS=. read -r want_major want_minor rest <<<"$2."
    have_major=${have_major//[^0-9]/} have_minor=${have_minor//[^0-9]/}
    ((${have_major:-0} > want_major || (${have_major:-0} == want_major && ${have_minor:-0} >= want_minor)))
}

# quietly LOG COMMAND...: runs it with its output in LOG; shows the end of LOG only when it fails.
quietly() {
    local log=$1
    shift
    mkdir -p "$(dirname "$log")"
    if ! "$@" >"$log" 2>&1 </dev/null; then
        tail -n 30 "$log" >&2
        note "the whole output is in ${log#"$root"/}"
        return 1
    fi
}

# The environment that the session's Python comes from: the active one, else ./.venv. Set-up alone makes it.
session_env() {
    if [ -n "${VIRTUAL_ENV:-}" ]; then echo "$VIRTUAL_ENV"; elif [ -n "${CONDA_PREFIX:-}" ]; then echo "$CONDA_PREFIX"; else
        echo "$root/.venv"
    fi
}

# The environment that the tests and lints run in. Into an active environment nothing is installed, so beside it stands
# one of our own, made of the same Python.
test_env() {
    local env
    env=$(session_env)
    if [ "$env" = "$root/.venv" ]; then echo "$env"; else
        echo "$tools/py$("$env/bin/python" -I -c 'import sys; print("%d.%d" % sys.version_info[:2])')"
    fi
}

activate_test_env() {
    VIRTUAL_ENV=$(test_env)
    export VIRTUAL_ENV PATH=$VIRTUAL_ENV/bin:$PATH
    unset CONDA_PREFIX PYTHONHOME
}

# Prints the Chromium, or Chrome, that the tests in the browser drive: the one that CHROMIUM names, else the machine's.
find_browser() {
    local name
    for name in ${CHROMIUM:+"$CHROMIUM"} chromium chromium-browser google-chrome google-chrome-stable \
        "/Applications/Chromium.app/Contents/MacOS/Chromium" \
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"; do
        if command -v "$name"; then return 0; fi
        # What is named is meant: no other is taken for it.
        if [ "$name" = "${CHROMIUM:-}" ]; then return 1; fi
    done
    return 1
}

# part NAME COMMAND...: runs one part of the tests or lints under a heading, and notes how it went. All parts run, also
# after one that failed; `summary` then prints the table and fails if any did.
parts=() failed=0
part() {
    local name=$1 result=ok start=$SECONDS
    shift
    printf '\n=== %s\n' "$name"
    # In a shell of its own, for a `cd` in it must not outlive it.
    ("$@") || { result=FAILED failed=1; }
    parts+=("$(printf '%-22s %-7s %5d s' "$name" "$result" $((SECONDS - start)))")
}

summary() {
    printf '\n'
    printf '%s\n' "${parts[@]}"
    return "$failed"
}
