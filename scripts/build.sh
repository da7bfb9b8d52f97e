#!/usr/bin/env bash
# Builds what a session runs, `build.sh [release|dev]`: the JupyterLab extension, the binary, the worker's extension and
# the BEAM's native library (put where Python and Elixir find them) and the Elixir library. Where nothing changed, nothing
# is written.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

case ${1:-release} in
    release) flags=(--release) built=$CARGO_TARGET_DIR/release ;;
    dev) flags=(--profile dev) built=$CARGO_TARGET_DIR/debug ;;
    *) die "build.sh knows no profile '$1'" "its profiles: release dev" ;;
esac

# The JupyterLab extension, which the binary carries. All else works without: it takes npm, and a network the first time.
labextension() {
    local folder=$root/kernel/labextension stamp=$tools/stamp/labextension
    local installed=$folder/node_modules/.package-lock.json
    if [ -e "$folder/dist/package.json" ] && [ "$stamp" -nt "$root/Cargo.toml" ] &&
        [ -z "$(newer "$stamp" "$folder")" ]; then
        return 0
    fi
    if ! have npm; then
        note "npm was not found: built without the JupyterLab extension (Node.js 18 or later has it)"
        return 0
    fi
    if ! [ "$installed" -nt "$folder/package-lock.json" ]; then
        # What lints take besides is fetched by them, and stays.
        local only=(--omit=dev)
        if [ -e "$folder/node_modules/typescript" ]; then only=(); fi
        quietly "$tools/log/npm.log" npm --prefix "$folder" ci "${only[@]}" || return 1
    fi
    quietly "$tools/log/labextension.log" npm --prefix "$folder" run build || return 1
    mkdir -p "$(dirname "$stamp")"
    touch "$stamp"
}

# newer STAMP FOLDER: prints what in the folder is newer, made and fetched things aside.
newer() {
    find "$2" \( -name node_modules -o -name 'dist*' -o -name tests \) -prune -o -newer "$1" -print
}
labextension || note "the JupyterLab extension could not be built: the binary is built without what is new in it"

# Two commands, not one: in one, cargo would build bridge-core once for both, and the binary's linker would meet
# Python's symbols.
cd "$root"
cargo build "${flags[@]}" -p snakebridge -p snakebridge-nif
cargo build "${flags[@]}" -p snakebridge-native

# place LIBRARY FILE: renamed into place, for who runs has the old file mapped.
place() {
    local library=$built/lib$1.so
    if [ "$(uname)" = Darwin ]; then library=$built/lib$1.dylib; fi
    if ! cmp -s "$library" "$2"; then
        mkdir -p "$(dirname "$2")"
        cp "$library" "$2.new"
        mv -f "$2.new" "$2"
    fi
}
place _native "$root/python/snakebridge/_native.abi3.so"
place snakebridge_nif "$root/elixir/priv/native/snakebridge_nif.so"

# Asking Mix costs a start of the BEAM, so look first whether a file (or folder, when one was deleted) is newer.
stamp=$root/elixir/_build/prod/built
sources=$(find "$root/elixir" \( -name _build -o -name priv -o -name target -o -name test \) -prune -o -print)
changed() {
    local source
    [ -e "$stamp" ] || return 0
    while IFS= read -r source; do
        if [ "$source" -nt "$stamp" ]; then return 0; fi
    done <<<"$sources
$tools/stamp/elixir"
    return 1
}
if changed; then
    (cd "$root/elixir" && MIX_ENV=prod mix compile)
    touch "$stamp"
fi
