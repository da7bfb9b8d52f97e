"""What is installed: the distributions that requirements and modules come to, with a hash of each one's content.

Run as a file by the interpreter that is asked about, with one argument for each requirement (`numpy>=1.26`) or module
(`module:numpy`). It writes lines of tab-separated fields. It installs nothing, and imports none of what it looks at:

    python    CPython  3.11.7  linux-x86_64
    package   NAME     VERSION SHA256
    missing   REQUIREMENT
    conflict  REQUIREMENT  VERSION

The hash is of the files' own hashes as the installer has recorded them, without what differs from one installation to the
next: so the same wheel has the same hash, whoever installed it and where.
"""

import hashlib
import importlib.metadata
import platform
import re
import sys
import sysconfig

# Written by installers, not by whoever made the wheel.
OF_INSTALLERS = {"RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json", "uv_build.json"}


def canonical(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def name_of(requirement):
    """The name that a requirement begins with, or None.

    >>> name_of("Scikit_Learn[all]>=1.3; python_version > '3.8'")
    'scikit-learn'
    """
    found = re.match(r"\s*([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)", requirement)
    return canonical(found.group(1)) if found else None


def installed():
    """Distributions by their canonical names; the first in the path's order wins, as when they are imported."""
    found = {}
    for distribution in importlib.metadata.distributions():
        name = distribution.metadata["Name"]
        if name:
            found.setdefault(canonical(name), distribution)
    return found


def needed(names, found):
    """These distributions and all that they require, as far as it is there; what is wanted for an extra alone is not."""
    wanted, queue = set(), list(names)
    while queue:
        name = queue.pop()
        if name in wanted or name not in found:
            continue
        wanted.add(name)
        for requirement in found[name].requires or []:
            if not re.search(r"\bextra\s*==", requirement.partition(";")[2]):
                queue.append(name_of(requirement))
    return sorted(wanted)


def content_hash(distribution):
    """A hash of what the distribution consists of, or "-" where no installer has recorded it."""
    record = distribution.read_text("RECORD")
    if not record:
        return "-"
    lines = []
    for line in record.splitlines():
        path, _, rest = line.rpartition(",")[0].rpartition(",")
        if not path or not rest or path.startswith("..") or path.endswith(".pyc"):
            continue
        folder, _, file = path.rpartition("/")
        if not (folder.endswith(".dist-info") and file in OF_INSTALLERS):
            lines.append(f"{path},{rest}")
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()


def fits(requirement, version):
    """Whether a version is one that a requirement allows; yes where nothing is installed that can tell."""
    try:
        try:
            from packaging.requirements import Requirement
        except ImportError:
            from pip._vendor.packaging.requirements import Requirement
        return Requirement(requirement).specifier.contains(version, prereleases=True)
    except Exception:
        return True


def lines(arguments):
    yield "python", sys.implementation.name, platform.python_version(), sysconfig.get_platform()
    found, names = installed(), set()
    of_modules = importlib.metadata.packages_distributions()
    for argument in arguments:
        kind, _, module = argument.rpartition("module:")
        if not kind and argument.startswith("module:"):
            names.update(canonical(name) for name in of_modules.get(module.partition(".")[0], []))
            continue
        name = name_of(argument)
        if name not in found:
            yield "missing", argument
        elif not fits(argument, found[name].version):
            yield "conflict", argument, found[name].version
        names.add(name)
    for name in needed(names, found):
        yield "package", name, found[name].version, content_hash(found[name])


def main():
    for fields in lines(sys.argv[1:]):
        sys.stdout.write("\t".join(fields) + "\n")


if __name__ == "__main__":
    # What lies beside this file is no part of the environment.
    sys.path.pop(0)
    main()
