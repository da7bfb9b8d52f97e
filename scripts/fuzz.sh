#!/usr/bin/env bash
# Fuzzes each target of bridge-core for FUZZ_SECONDS (60), then both ends of the protocol, as processes, with FUZZ_FRAMES
# (1,000,000) each; or only those named: `fuzz.sh [TARGET | frames]...`. A crash of a target is kept in
# bridge-core/fuzz/artifacts/; a run of `frames` prints the seed that repeats it, in SNAKEBRIDGE_FUZZ_SEED. Either fails.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
trap 'exit 130' INT

# The fuzz crate's builds (its own profile, sanitizers) stay in its own folder.
fuzz_target() {
    cd "$root/bridge-core"
    unset CARGO_TARGET_DIR
    cargo +nightly fuzz run "$1" -- "-max_total_time=${FUZZ_SECONDS:-60}" -rss_limit_mb=2048
}

fuzz_frames() {
    activate_test_env
    "$root/scripts/build.sh" dev
    cd "$root/elixir"
    SNAKEBRIDGE_FUZZ_FRAMES=${FUZZ_FRAMES:-1000000} mix test test/snakebridge/fuzz_test.exs
}

targets=("$@")
if ((${#targets[@]} == 0)); then
    for target in $(cd "$root/bridge-core" && cargo +nightly fuzz list); do targets+=("$target"); done
    targets+=(frames)
fi
for target in "${targets[@]}"; do
    case $target in
        frames) part "$target" fuzz_frames ;;
        *) part "$target" fuzz_target "$target" ;;
    esac
done
summary
