#!/usr/bin/env bash
# Copies a release build to where it runs without this checkout: `install.sh PREFIX` gives PREFIX/bin/snakebridge and
# PREFIX/share/snakebridge/{python,elixir}, where the binary looks first.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

[ -n "${1:-}" ] || die "install.sh wants a PREFIX" "for example:  make install PREFIX=~/.local"
# make hands over a literal ~ when the shell did not expand it (PREFIX=~/.local after a word).
prefix=${1/#\~\//$HOME/}
share=$prefix/share/snakebridge
mkdir -p "$prefix/bin" "$share" || die "$prefix cannot be written" "choose another one:  make install PREFIX=~/.local"

# Beside the old ones, then renamed: sessions that run keep what they have loaded.
new=$(mktemp -d "$share/.new.XXXXXX")
trap 'rm -rf "$new"' EXIT
mkdir "$new/python" "$new/elixir"
cp -R "$root/python/snakebridge" "$new/python/"
find "$new/python" -name __pycache__ -prune -exec rm -rf {} +
cp -R "$root/elixir/_build/prod/lib/snakebridge/ebin" "$new/elixir/"
mkdir -p "$new/elixir/priv"
for source in lib mix.exs build.exs priv/native; do cp -R "$root/elixir/$source" "$new/elixir/$source"; done
cp "$CARGO_TARGET_DIR/release/snakebridge" "$new/binary"

rm -rf "$share/python" "$share/elixir"
mv "$new/python" "$new/elixir" "$share/"
mv -f "$new/binary" "$prefix/bin/snakebridge"
say "Installed $prefix/bin/snakebridge"

case ":$PATH:" in *":$prefix/bin:"*) ;; *) note "$prefix/bin is not on PATH" ;; esac
if [ "$(command -v elixir)" = "$tools/elixir/bin/elixir" ]; then
    rm -rf "$share/elixir-lang"
    cp -R "$tools/elixir/." "$share/elixir-lang"
    note "this machine's own Elixir is missing or too old; for the one installed beside:"
    note "    export SNAKEBRIDGE_ELIXIR=$share/elixir-lang/bin/elixir"
fi
