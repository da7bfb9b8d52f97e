#!/usr/bin/env bash
# Runs the tests in the browser, on a build with debug assertions: JupyterLab, with the built kernel, in headless
# Chromium. What follows goes to pytest. CHROMIUM names another browser than the one that is found.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
trap 'exit 130' INT

CHROMIUM=$(find_browser) || die "no browser was found" "type this, then try again:  scripts/setup.sh browser"
export CHROMIUM
unset CONDA_PREFIX PYTHONHOME VIRTUAL_ENV
cd "$root/tests/browser"
part "JupyterLab in a browser" "$tools/browser/bin/python" -m pytest "$@"
summary
