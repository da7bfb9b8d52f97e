#!/usr/bin/env bash
# Runs the library matrix in tests/libraries: what follows goes to mix test, and without it what libraries show in
# notebooks, and the part about the standard library with each other Python that is found. The packages are in .tools/libraries, which stays.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
trap 'exit 130' INT

project=$root/tests/libraries
requirements=$project/requirements.txt
env=$tools/libraries
missing=$env/missing
# A release of a package may have no wheel for this machine yet; of more than two, something else is wrong.
most_missing=2

# Wheels alone: building these packages from source takes compilers and hours.
install() {
    if have uv; then uv pip install --quiet --python "$env/bin/python" --only-binary :all: "$@"; else
        "$env/bin/python" -m pip install --quiet --disable-pip-version-check --only-binary :all: "$@"
    fi
}

# Together if that can be, so that their versions fit; else one by one, and those that fail are listed in $missing.
install_all() {
    local package
    : >"$missing"
    if quietly "$tools/log/libraries.log" install -r "$requirements"; then return 0; fi
    say "They cannot be installed together; now one by one"
    while IFS= read -r package; do
        quietly "$tools/log/libraries.log" install "$package" || echo "$package" >>"$missing"
    done < <(sed -E 's/[[:space:]]*#.*//; /^$/d' "$requirements")
}

# Prints what the packages were installed for: when it changes, or when one is missing, they are installed again.
fingerprint() { { "$env/bin/python" -I -c 'import sys; print(sys.version)' && cat "$requirements"; } | cksum; }

ready_packages() {
    local python=$1
    if ! "$env/bin/python" -I -c '' 2>/dev/null; then
        say "Making a Python environment in ${env#"$root"/}"
        quietly "$tools/log/libraries.log" "$python" -m venv --clear "$env" || die "$python -m venv failed"
    fi
    if [ -e "$env/stamp" ] && [ "$(cat "$env/stamp")" = "$(fingerprint)" ]; then return 0; fi
    say "Installing the packages of the library matrix into ${env#"$root"/} (some minutes at first)"
    install_all
    if [ -s "$missing" ]; then rm -f "$env/stamp"; else fingerprint >"$env/stamp"; fi
}

all_there() {
    local count
    count=$(wc -l <"$missing")
    if ((count > 0)); then note "could not be installed: $(tr '\n' ' ' <"$missing")"; fi
    ((count <= most_missing))
}

# run PYTHON [ARGUMENT...]: the environment or interpreter named so runs the tests.
run() {
    local python=$1
    shift
    VIRTUAL_ENV=$python mix test "$@"
}

# What libraries show in a notebook: the tests' own Python is the client, the kernels run this environment.
notebooks() {
    cd "$root/tests/kernel"
    SNAKEBRIDGE_KERNEL_PYTHON=$env/bin/python "$(test_env)/bin/python" -m pytest test_libraries.py test_widgets.py test_magics.py
}

# The notebooks that need these packages, as projects.
notebooks_as_projects() {
    cd "$root"
    VIRTUAL_ENV=$env SNAKEBRIDGE_NOTEBOOKS="algebra routes wine" cargo test --test system notebooks::
}

# Prints the interpreters of other versions: pyenv's, else those on PATH. A shim of pyenv may lead nowhere.
other_pythons() {
    local version python mine
    mine=$("$env/bin/python" -I -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    for version in 3.10 3.11 3.12 3.13 3.14; do
        if [ "$version" = "$mine" ]; then continue; fi
        for python in "${PYENV_ROOT:-$HOME/.pyenv}/versions/$version".*/bin/python3 "$(command -v "python$version")"; do
            if "$python" -I -c '' 2>/dev/null; then
                echo "$version $python"
                break
            fi
        done
    done
}

ready_packages "$(test_env)/bin/python"
unset CONDA_PREFIX PYTHONHOME
cd "$project"
part "packages installed" all_there
part "libraries" run "$env" "$@"
if (($# == 0)); then
    part "wrappers of libraries" "$root/scripts/wrappers.sh" "$env"
    part "libraries in notebooks" notebooks
    part "notebooks as projects" notebooks_as_projects
    while read -r version python; do
        part "standard library, $version" run "$python" test/stdlib_*_test.exs </dev/null
    done < <(other_pythons)
fi
summary
