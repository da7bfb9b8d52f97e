"""Introspection: what a document says of a module, and what is neither imported nor run for it."""

import json
import subprocess
import sys
import textwrap

import pytest

from snakebridge import introspection


@pytest.fixture
def library(tmp_path, monkeypatch):
    """Writes a library's files, and introspects it."""
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)

    def written(files, root="lib", **options):
        for name, text in files.items():
            file = tmp_path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(textwrap.dedent(text), encoding="utf-8")
        document = introspection.introspect(root, **options)
        json.dumps(document, allow_nan=False).encode()
        return document

    yield written
    for name in set(sys.modules) - before:
        del sys.modules[name]


def only(document):
    (module,) = document["modules"]
    return module


def named(listed, name):
    (found,) = [one for one in listed if one["name"] == name]
    return found


def names(listed):
    return [one["name"] for one in listed]


def function(library, source, name="f"):
    return named(only(library({"lib.py": source}))["functions"], name)


def test_a_document(library):
    document = library(
        {
            "lib.py": '''
            """A library."""
            __version__ = "1.2"
            LIMIT = 3
            def f(a, /, b: int, *rest, c: str = "x", **more) -> float:
                """Adds.

                Args:
                    b: a number
                """
            class C: pass
            '''
        }
    )
    assert document["schema"] == "snakebridge.introspection/1"
    assert document["root"] == "lib"
    assert document["package"] == {"name": "lib", "version": "1.2"}
    module = only(document)
    assert module["doc"]["summary"] == "A library."
    found = named(module["functions"], "f")
    assert found["signature"] == "known"
    assert [(p["name"], p["kind"], p["required"], p["default"]) for p in found["parameters"]] == [
        ("a", "positional_only", True, None),
        ("b", "positional_or_keyword", True, None),
        ("rest", "var_positional", False, None),
        ("c", "keyword_only", False, {"literal": "x"}),
        ("more", "var_keyword", False, None),
    ]
    assert found["returns"] == {"kind": "float", "confidence": "high"}
    assert found["doc"]["parameters"] == [{"name": "b", "type": "", "text": "a number"}]
    assert names(module["classes"]) == ["C"]
    assert module["constants"] == [
        {
            "name": "LIMIT",
            "path": "lib.LIMIT",
            "type": {"kind": "int", "confidence": "high"},
            "value": 3,
            "repr": "3",
        }
    ]


@pytest.mark.parametrize(
    "name", ["json", "math", "re", "pathlib", "collections", "sqlite3", "asyncio", "typing", "os"]
)
def test_of_the_standard_library(name):
    document = introspection.introspect(name)
    assert document["warnings"] == []
    assert document["modules"][0]["classes"] or document["modules"][0]["functions"]


def test_the_same_bytes_in_each_process():
    def run(seed):
        command = [sys.executable, "-m", "snakebridge.introspection", "collections"]
        done = subprocess.run(
            command,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": sys.path[0]},
            capture_output=True,
            timeout=60,
            check=True,
        )
        return done.stdout

    assert run("1") == run("2")
