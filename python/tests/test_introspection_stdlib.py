"""Introspection of the whole standard library, on each interpreter that is here, against what `inspect` and `typing` say."""

import inspect
import json
import os
import pathlib
import subprocess
import sys
import types
import typing

import pytest

from snakebridge import introspection

PACKAGE_FOLDER = str(pathlib.Path(introspection.__file__).parents[2])
# What opens windows or browsers, or is about this interpreter's own building.
STRANGE = {"antigravity", "this", "turtledemo", "idlelib", "test", "lib2to3", "msilib", "winreg", "winsound"}

EACH = f"""
import json, sys
sys.path.insert(0, {PACKAGE_FOLDER!r})
from snakebridge import introspection
failed, done = [], 0
for name in sorted(sys.stdlib_module_names):
    if name.startswith("_") or name in {STRANGE!r}:
        continue
    try:
        document = introspection.introspect(name, depth=0)
    except ImportError:
        continue
    except BaseException as error:
        failed.append([name, repr(error)])
        continue
    failed += [[name, w["message"]] for w in document["warnings"] if "cannot be described" in w["message"]]
    json.dumps(document, allow_nan=False).encode()
    done += 1
print(json.dumps([failed, done]))
"""


def interpreters():
    """The interpreters of each version that are here."""
    root = pathlib.Path(os.environ.get("PYENV_ROOT", pathlib.Path.home() / ".pyenv")) / "versions"
    found = {sys.version_info[:2]: sys.executable}
    for folder in sorted(root.glob("3.*")):
        version = tuple(int(part) for part in folder.name.split(".")[:2] if part.isdigit())
        if (3, 10) <= version <= (3, 14) and (folder / "bin/python3").exists():
            found.setdefault(version, str(folder / "bin/python3"))
    here = sys.version_info[:2]
    # A minute for each, where the machine is busy.
    return [found[v] for v in sorted(found) if v == here or os.environ.get("RUN_SLOW_TESTS")]


@pytest.mark.parametrize("interpreter", interpreters())
def test_every_module_of_the_standard_library(interpreter, tmp_path):
    done = subprocess.run(
        [interpreter, "-W", "ignore", "-c", EACH],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stderr
    failed, count = json.loads(done.stdout.splitlines()[-1])
    assert failed == []
    assert count > 100


FAMILIAR = [
    "argparse",
    "asyncio",
    "collections",
    "concurrent.futures",
    "dataclasses",
    "email.message",
    "functools",
]
FAMILIAR += [
    "http.client",
    "importlib.metadata",
    "inspect",
    "json",
    "logging",
    "pathlib",
    "statistics",
    "tempfile",
]


@pytest.mark.parametrize("name", FAMILIAR)
def test_parameters_are_those_of_inspect(name):
    (module,) = introspection.introspect(name)["modules"]
    compared = 0
    for found in module["functions"]:
        value = inspect.getattr_static(sys.modules[name], found["name"], None)
        if type(value) is not types.FunctionType or found["signature"] != "known":
            continue
        expected = inspect.signature(value)
        assert [(p["name"], p["kind"], p["required"]) for p in found["parameters"]] == [
            (p.name, p.kind.name.lower(), p.default is p.empty and not p.kind.name.startswith("VAR_"))
            for p in expected.parameters.values()
        ], found["path"]
        compared += 1
    for cls in module["classes"]:
        owner = getattr(sys.modules[name], cls["name"])
        for found in cls["methods"]:
            value = inspect.getattr_static(owner, found["name"])
            if type(value) is not types.FunctionType or found["signature"] != "known":
                continue
            expected = list(inspect.signature(value).parameters)[1:]
            assert [p["name"] for p in found["parameters"]] == expected, found["path"]
            compared += 1
    assert compared


PLAIN = {
    int: "int",
    float: "float",
    str: "str",
    bool: "bool",
    bytes: "bytes",
    type(None): "none",
    typing.Any: "any",
}


@pytest.mark.parametrize("name", [*FAMILIAR, "importlib.resources", "importlib.abc", "typing"])
def test_types_are_those_of_get_type_hints(name):
    (module,) = introspection.introspect(name)["modules"]
    for found in module["functions"]:
        value = inspect.getattr_static(sys.modules[name], found["name"], None)
        if type(value) is not types.FunctionType or value.__dict__.get("__wrapped__"):
            continue
        try:
            hints = typing.get_type_hints(value)
        except Exception:
            # Names that only type checkers have.
            continue
        said = {p["name"]: p["type"] for p in found["parameters"]} | {"return": found["returns"]}
        for parameter, hint in hints.items():
            if type(hint) is type and hint in PLAIN:
                assert said[parameter]["kind"] == PLAIN[hint], (found["path"], parameter)
            elif isinstance(hint, type) and hint not in (object, types.GenericAlias):
                assert said[parameter]["kind"] != "unknown", (found["path"], parameter)
