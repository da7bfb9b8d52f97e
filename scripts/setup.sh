#!/usr/bin/env bash
# Sets up what is missing on this machine, and nothing else: `setup.sh PART...` with parts
#   rust    cargo (only looked at: rustup is the user's) and the C compiler that links
#   elixir  Erlang/OTP and Elixir: Debian's packages, or Elixir built into .tools/ where Debian's is too old
#   python  a Python environment for the session: the active one, else ./.venv with the usual packages
#   dev     a Python environment for the tests and lints, with pytest and ruff
#   bench   a Python environment for the benchmarks, with ipykernel to compare with
#   browser JupyterLab, Playwright and a browser, for the tests in it: Debian's chromium, where none is there
#   lints   rustfmt and clippy
#   fuzz    cargo-fuzz
#   dialyzer  Debian's, beside Debian's Erlang and where root can be had; what uses it does without else
# A part that is there costs a few milliseconds. Nothing is written outside the repository, apart from Debian packages:
# what all the parts lack of them is gathered first, so that root is asked for once.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

min_rust=1.95
min_elixir=1.15
another_python="name CPython 3.10 to 3.14:  make ... PYTHON=python3.12  (or activate an environment of your own)"
# The release of Debian whose Elixir is recent enough, and which the one before it can build.
elixir_from_release=trixie
# What Elixir, Mix (releases and tests with coverage too) and our library call. `erlang-nox` would pull in far more.
erlang_packages=(
    erlang-base erlang-crypto erlang-inets erlang-parsetools erlang-public-key erlang-runtime-tools erlang-ssl
    erlang-tools
)
erlang_applications=(compiler crypto inets parsetools public_key runtime_tools ssl tools)
# What building Elixir takes besides: the headers of Erlang's own parser generator, and the tarball's compression.
elixir_build_packages=(erlang-dev make xz-utils)
# The fonts are those that the pictures in the README are drawn with.
browser_packages=(chromium fonts-dejavu-core)

# --- Debian packages -------------------------------------------------------------------------------------------------

has_apt() { have apt-get && have dpkg-query; }

codename() { sed -n 's/^VERSION_CODENAME=//p' /etc/os-release; }

# shellcheck disable=SC2016 # the ${...} is dpkg's
is_installed() { [ "$(dpkg-query -W -f='${Status}' "$1" 2>/dev/null)" = "install ok installed" ]; }

# Whether that asks nobody for a password.
may_install() { [ "$(id -u)" = 0 ] || { have sudo && sudo -n true 2>/dev/null; }; }

# Installs those that are missing, as root or with sudo; where neither can be, says what to type and stops.
install_debian_packages() {
    local package missing=() become=()
    for package in "$@"; do is_installed "$package" || missing+=("$package"); done
    if ((${#missing[@]} == 0)); then return 0; fi

    local install="apt-get install --no-install-recommends -y ${missing[*]}"
    if [ "$(id -u)" != 0 ]; then
        if ! have sudo; then
            die "Debian packages are missing, and this user is not root and has no sudo" \
                "type this, then try again:  su -c 'apt-get update && $install'"
        elif ! sudo -n true 2>/dev/null && ! [ -t 2 ]; then
            die "Debian packages are missing, and there is no terminal on which sudo could ask for a password" \
                "type this, then try again:  sudo apt-get update && sudo $install"
        fi
        become=(sudo)
    fi
    say "Installing Debian packages: ${missing[*]}"
    # An update that fails may be about a source that has nothing to do with us: the install decides.
    quietly "$tools/log/apt.log" "${become[@]}" sh -c \
        "export DEBIAN_FRONTEND=noninteractive; apt-get update; $install" ||
        die "apt-get could not install what is missing" "mend what it says above, then try again"
}

# Prints the Debian packages that a part may take; nothing where what it needs comes from elsewhere.
packages_for() {
    case $1 in
        rust) have cc || echo gcc libc6-dev ;;
        fuzz) have c++ || echo g++ ;;
        dialyzer) if ! have dialyzer && is_installed erlang-base && may_install; then echo erlang-dialyzer; fi ;;
        browser) find_browser >/dev/null || echo "${browser_packages[@]}" ;;
        elixir)
            if elixir_is_ready; then return 0; fi
            echo "${erlang_packages[@]}"
            if at_least "$(elixir_version)" "$min_elixir"; then return 0; fi
            if debian_elixir_fits; then echo elixir; else echo "${elixir_build_packages[@]}"; fi
            ;;
        python | dev)
            local python
            python=$(python_for_venv "$1")
            if [ "$python" = python3 ] && ! have python3; then
                echo python3 python3-venv
            elif [ -n "$python" ] && have "$python" && ! "$python" -I -c 'import ensurepip, venv' 2>/dev/null; then
                # Debian ships these modules apart from Python, in a package for each version of it.
                local version
                version=$("$python" -I -c 'import sys; print("%d.%d" % sys.version_info[:2])')
                if is_installed "python$version-minimal"; then echo "python$version-venv"; fi
            fi
            ;;
    esac
}

# --- Elixir ----------------------------------------------------------------------------------------------------------

elixir_version() { { have elixir && elixir --short-version 2>/dev/null; } || echo 0; }

# Whether Debian's own Elixir is recent enough; by name where apt has no lists yet.
debian_elixir_fits() {
    local candidate
    candidate=$(apt-cache policy elixir 2>/dev/null | sed -n 's/^ *Candidate: //p')
    case $candidate in
        '' | '(none)') [ "$(codename)" != bookworm ] ;;
        *) at_least "$candidate" "$min_elixir" ;;
    esac
}

# Prints the applications of OTP that this Erlang lacks (Debian ships them as packages of their own).
missing_applications() {
    erl -noinput -boot start_clean -eval '
        Missing = [A || A <- init:get_plain_arguments(), code:lib_dir(list_to_atom(A)) =:= {error, bad_name}],
        io:put_chars(lists:join(" ", Missing)), halt().' -extra "${erlang_applications[@]}"
}

# Looking costs a start of the BEAM, so a stamp holds which programs were found good; others, or newer ones, are looked
# at again.
elixir_is_ready() {
    have erl && have elixir || return 1
    local erl elixir stamp=$tools/stamp/elixir
    erl=$(command -v erl) elixir=$(command -v elixir)
    if [ "$(cat "$stamp" 2>/dev/null)" = "$erl $elixir" ] && [ "$stamp" -nt "$erl" ] && [ "$stamp" -nt "$elixir" ]; then
        return 0
    fi
    if at_least "$(elixir_version)" "$min_elixir" && [ -z "$(missing_applications)" ]; then
        mkdir -p "$(dirname "$stamp")"
        echo "$erl $elixir" >"$stamp"
        return 0
    fi
    return 1
}

setup_elixir() {
    if elixir_is_ready; then return 0; fi
    if has_apt && have erl && ! at_least "$(elixir_version)" "$min_elixir" && ! debian_elixir_fits; then build_elixir; fi
    hash -r
    if elixir_is_ready; then return 0; fi

    if ! have erl || ! have elixir; then
        die "Erlang/OTP and Elixir were not found" "$(if have brew; then
            echo "type this, then try again:  brew install elixir"; else
            echo "install Erlang/OTP 25 or later and Elixir $min_elixir or later, and put them on PATH"; fi)"
    fi
    at_least "$(elixir_version)" "$min_elixir" ||
        die "$(command -v elixir) is older than Elixir $min_elixir" "put a newer one before it on PATH, or remove it"
    die "$(command -v erl) lacks these applications of Erlang/OTP: $(missing_applications)" \
        "install them the way this Erlang was installed"
}

# Builds the Elixir of Debian's next release from its source tarball. apt fetches it: with the machine's own mirror,
# proxy and certificates, in directories of our own so that the machine's configuration stays as it is; and apt checks
# the archive's signature against Debian's keys, the index against it, and the tarball's hash against the index.
build_elixir() {
    local mirror keyring=/usr/share/keyrings/debian-archive-keyring.gpg work version
    # shellcheck disable=SC2016 # the $(...) are apt's
    mirror=$(apt-get indextargets --format '$(ORIGIN) $(CODENAME) $(COMPONENT) $(REPO_URI)' 2>/dev/null |
        sed -n "s/^Debian $(codename) main //p" | head -n 1)
    [ -n "$mirror" ] || die "apt knows no mirror of Debian, so the source of Elixir cannot be fetched" \
        "type 'apt-get update' as root and try again, or put Elixir $min_elixir or later on PATH"

    # Not in .tools: the Makefile of Elixir takes no path with a space, and would ask our git for its revision.
    work=$(mktemp -d /tmp/snakebridge-elixir.XXXXXX)
    # shellcheck disable=SC2064 # with the value of now: the variable is local
    trap "rm -rf '$work'" EXIT
    mkdir -p "$work"/{lists,cache/archives}/partial
    echo "deb-src [signed-by=$keyring] $mirror $elixir_from_release main" >"$work/sources.list"
    local apt=(apt-get -q -o "Dir::Etc::SourceList=$work/sources.list" -o Dir::Etc::SourceParts=/dev/null
        -o "Dir::State::Lists=$work/lists" -o "Dir::Cache=$work/cache" -o Acquire::Languages=none)
    # As root apt would fetch as the user _apt, who may not write here.
    apt+=(-o "APT::Sandbox::User=$(id -un)")

    say "Fetching the source of Elixir from Debian $elixir_from_release"
    quietly "$tools/log/elixir-fetch.log" "${apt[@]}" update ||
        die "the package lists of Debian $elixir_from_release could not be fetched from $mirror" \
            "'NO_PUBKEY' above means that the machine's keys are too old:  apt-get install debian-archive-keyring"
    (cd "$work" && quietly "$tools/log/elixir-fetch.log" "${apt[@]}" source --download-only --tar-only elixir-lang) ||
        die "the source of Elixir could not be fetched from $mirror"

    tar -xf "$work"/elixir-lang_*.orig.tar.* -C "$work"
    version=$(cat "$work"/elixir-*/VERSION)
    say "Building Elixir $version into .tools (about a minute)"
    quietly "$tools/log/elixir-build.log" make -C "$work"/elixir-*/ install PREFIX="$work/prefix" ||
        die "Elixir $version did not build"
    # Linked last: what the link names is whole.
    rm -rf "$tools/elixir-$version"
    mv "$work/prefix" "$tools/elixir-$version"
    ln -sfn "elixir-$version" "$tools/elixir"
}

# --- Python ----------------------------------------------------------------------------------------------------------

# Prints why this Python cannot run a session, or nothing. Works on every Python 3.
refusal_of() {
    "$1" -I -c '
import sys, sysconfig
if not (3, 10) <= sys.version_info[:2] <= (3, 14) or sys.implementation.name != "cpython":
    print(f"it is {sys.implementation.name} {sys.version_info[0]}.{sys.version_info[1]}; CPython 3.10 to 3.14 are supported")
elif sysconfig.get_config_var("Py_GIL_DISABLED"):
    print("it is a free-threaded build; standard builds are supported")' 2>&1 || echo "it does not start"
}

# Prints which of the packages listed in a requirements file this Python lacks, or has in another version than the one
# that is pinned.
missing_packages() {
    "$1" -I - "$2" <<'EOP'
import re, sys
from importlib.metadata import PackageNotFoundError, distribution

for line in open(sys.argv[1], encoding="utf-8"):
    if wanted := re.match(r"([\w.-]+)(?:==([\w.]+))?", line):
        name, version = wanted.groups()
        try:
            there = distribution(name).version
        except PackageNotFoundError:
            there = None
        if there is None or version not in (None, there):
            print(name, end=" ")
EOP
}

# An environment can be gone, or (conda's) be without Python, and still be active.
check_active_env() {
    local env
    env=$(session_env)
    if [ "$env" != "$root/.venv" ] && ! [ -x "$env/bin/python" ]; then
        die "the active environment $env has no bin/python" "deactivate it, or activate one with CPython 3.10 to 3.14"
    fi
}

# Prints the Python that a part's environment has yet to be made of; nothing where the environment is there.
python_for_venv() {
    local env venv
    env=$(session_env)
    case $1 in
        python) venv=$env ;;
        dev) venv=$(test_env) ;;
        bench) venv=$tools/bench ;;
        browser) venv=$tools/browser ;;
    esac
    if [ -x "$venv/bin/python" ]; then return 0; fi
    if [ "$venv" = "$root/.venv" ]; then echo "${PYTHON:-python3}"; else echo "$env/bin/python"; fi
}

# make_venv DIRECTORY PYTHON
make_venv() {
    local venv=$1 python=$2 refusal
    have "$python" || die "$python was not found" "$another_python"
    refusal=$(refusal_of "$python")
    [ -z "$refusal" ] || die "$(command -v "$python") cannot be used: $refusal" "$another_python"
    "$python" -I -c 'import ensurepip, venv' 2>/dev/null ||
        die "$(command -v "$python") lacks the modules venv and ensurepip" "$another_python"
    say "Making a Python environment in ${venv#"$root"/}"
    quietly "$tools/log/venv.log" "$python" -m venv --clear "$venv" || { rm -rf "$venv"; die "$python -m venv failed"; }
}

# install_into VENV REQUIREMENTS...: shows what is fetched; all that pip says is in the log.
install_into() {
    local venv=$1 file lacking='' arguments=() log=$tools/log/pip.log
    shift
    for file in "$@"; do
        lacking+=$(missing_packages "$venv/bin/python" "$file")
        arguments+=(-r "$file")
    done
    if [ -z "$lacking" ]; then return 0; fi
    say "Installing into ${venv#"$root"/} (half a minute or so): ${lacking% }"
    mkdir -p "$tools/log"
    # Wheels alone: building these packages from source takes compilers and hours.
    if ! "$venv/bin/python" -m pip install --disable-pip-version-check --progress-bar off --only-binary :all: \
        "${arguments[@]}" 2>&1 </dev/null | tee "$log" | sed -nE '/\.metadata/d; s/^ *Downloading ([^-]+-[^-]+)[^ ]*/    \1/p' >&2; then
        tail -n 15 "$log" >&2
        die "pip could not install everything; its whole output is in ${log#"$root"/}" \
            "if a package has no build for this Python:  rm -r $venv" "$another_python"
    fi
}

# Makes what environment is missing, and refuses a Python that cannot run a session.
ready_env() {
    local part=$1 venv=$2 python refusal
    python=$(python_for_venv "$part")
    if [ -n "$python" ]; then make_venv "$venv" "$python"; fi
    refusal=$(refusal_of "$venv/bin/python")
    if [ -z "$refusal" ]; then return 0; fi
    case $venv in
        "$root"/*) die "the environment $venv cannot be used: $refusal" "remove it:  rm -r $venv" "$another_python" ;;
        *) die "the active environment $venv cannot be used: $refusal" \
            "deactivate it, or activate one with CPython 3.10 to 3.14" ;;
    esac
}

setup_python() {
    local venv missing
    venv=$(session_env)
    ready_env python "$venv"
    if [ "$venv" = "$root/.venv" ]; then
        install_into "$venv" "$root/python/requirements.txt"
        return 0
    fi
    # An active environment is the user's: it is used as it is.
    missing=$(missing_packages "$venv/bin/python" "$root/python/requirements.txt")
    if [ -n "$missing" ]; then
        note "the active environment $venv has no ${missing% }; the session works without"
        note "to install:  $venv/bin/python -m pip install ${missing% }"
    fi
}

setup_dev() {
    local venv
    venv=$(test_env)
    ready_env dev "$venv"
    install_into "$venv" "$root/python/requirements.txt" "$root/python/requirements-dev.txt"
}

setup_bench() {
    ready_env bench "$tools/bench"
    install_into "$tools/bench" "$root/bench/requirements.txt"
}

setup_browser() {
    local found
    ready_env browser "$tools/browser"
    install_into "$tools/browser" "$root/tests/browser/requirements.txt"
    found=$(find_browser) || die "no Chromium was found, and the tests in the browser need one" \
        "install Chromium or Chrome, or name one:  make test-browser CHROMIUM=/path/to/chrome"
    "$found" --version >/dev/null 2>&1 || die "$found does not start" "name another:  make test-browser CHROMIUM=/path/to/chrome"
}

# --- Rust ------------------------------------------------------------------------------------------------------------

compiler() {
    have "$1" || die "$1, the compiler, was not found" "$(if [ "$(uname)" = Darwin ]; then
        echo "type this, then try again:  xcode-select --install"; else echo "install a C and C++ compiler"; fi)"
}

setup_rust() {
    have cargo || die "cargo was not found" "install Rust with rustup (see rustup.rs), open a new terminal, try again"
    local version
    version=$(cargo --version | cut -d' ' -f2)
    at_least "$version" "$min_rust" || die "cargo is $version; $min_rust or later is needed" \
        "type this, then try again:  rustup update stable"
    # rustc links with it.
    compiler cc
}

setup_lints() {
    local missing=()
    cargo fmt --version >/dev/null 2>&1 || missing+=(rustfmt)
    cargo clippy --version >/dev/null 2>&1 || missing+=(clippy)
    if ((${#missing[@]} == 0)); then return 0; fi
    have rustup || die "cargo lacks ${missing[*]}" "install them the way this cargo was installed"
    say "Adding to Rust: ${missing[*]}"
    quietly "$tools/log/rustup.log" rustup component add "${missing[@]}" || die "rustup failed"
}

setup_fuzz() {
    rustup run nightly rustc --version >/dev/null 2>&1 || die "fuzzing needs Rust's nightly toolchain" \
        "type this, then try again:  rustup toolchain install nightly --profile minimal"
    compiler c++
    if have cargo-fuzz; then return 0; fi
    say "Building cargo-fuzz into .tools (a few minutes)"
    quietly "$tools/log/cargo-fuzz.log" cargo install --locked --root "$tools" cargo-fuzz || die "cargo-fuzz did not build"
}

# There is nothing to set up besides Debian's package.
setup_dialyzer() { :; }

# ---------------------------------------------------------------------------------------------------------------------

for part in "$@"; do
    case $part in
        rust | lints | fuzz | dialyzer | elixir | python | dev | bench | browser) ;;
        *) die "setup.sh has no part '$part'" "its parts: rust lints fuzz dialyzer elixir python dev bench browser" ;;
    esac
done
for part in "$@"; do
    case $part in python | dev | bench | browser) check_active_env ;; esac
done
if has_apt; then
    packages=()
    for part in "$@"; do
        for package in $(packages_for "$part"); do packages+=("$package"); done
    done
    if ((${#packages[@]} > 0)); then install_debian_packages "${packages[@]}"; fi
fi
for part in "$@"; do "setup_$part"; done
