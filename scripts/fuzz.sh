#!/usr/bin/env bash
# Fuzzes each target of bridge-core for FUZZ_SECONDS (60), or only those named: `fuzz.sh [TARGET]...`. A crash is kept in
# bridge-core/fuzz/artifacts/ and fails the run.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
trap 'exit 130' INT

# The fuzz crate's builds (its own profile, sanitizers) stay in its own folder.
unset CARGO_TARGET_DIR
cd "$root/bridge-core"
targets=("$@")
if ((${#targets[@]} == 0)); then
    for target in $(cargo +nightly fuzz list); do targets+=("$target"); done
fi
for target in "${targets[@]}"; do
    part "$target" cargo +nightly fuzz run "$target" -- "-max_total_time=${FUZZ_SECONDS:-60}" -rss_limit_mb=2048
done
summary
