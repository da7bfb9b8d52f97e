"""What is installed: `snakebridge/packages.py`, run on environments that are made for it."""

import os
import subprocess
import sys

from snakebridge import packages


def install(folder, name, version, *, requires=(), record=True, extra=""):
    info = folder / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    lines = [f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"]
    lines += [f"Requires-Dist: {requirement}\n" for requirement in requires]
    (info / "METADATA").write_text("".join(lines))
    if record:
        rows = [
            f"{name}.py,sha256=abc,10",
            f"{info.name}/RECORD,,",
            f"{info.name}/METADATA,sha256=def,3",
            extra,
        ]
        (info / "RECORD").write_text("\n".join(row for row in rows if row))
    (folder / f"{name.lower()}.py").write_text("")


def found(folder, *arguments):
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    command = [sys.executable, packages.__file__, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    return [line.split("\t") for line in done.stdout.splitlines()]


def test_requirements_bring_what_they_require_but_not_for_extras(tmp_path):
    install(tmp_path, "Mid_Lib", "1.0", requires=["sb-low>=1", "sb-extra; extra == 'more'"])
    install(tmp_path, "sb_low", "2.0", requires=["Mid-Lib"])
    install(tmp_path, "sb_extra", "2.0")
    lines = found(tmp_path, "mid.lib[more]>=0.1")
    assert lines[0][:2] == ["python", sys.implementation.name]
    assert [line[:3] for line in lines[1:]] == [["package", "mid-lib", "1.0"], ["package", "sb-low", "2.0"]]


def test_what_is_missing_and_what_has_another_version(tmp_path):
    install(tmp_path, "sb_low", "2.0")
    assert ["missing", "sb-none>3"] in found(tmp_path, "sb-none>3")
    if packages.fits("x<3", "4") is False:
        assert ["conflict", "sb-low<2", "2.0"] in found(tmp_path, "sb-low<2")


def test_a_hash_is_of_the_content_not_of_the_installation(tmp_path):
    install(tmp_path / "a", "sb_low", "2.0")
    info = "sb_low-2.0.dist-info"
    install(
        tmp_path / "b",
        "sb_low",
        "2.0",
        extra=f"{info}/INSTALLER,sha256=x,2\n../../bin/low,sha256=y,2\nlow.pyc,,",
    )
    install(tmp_path / "c", "sb_low", "2.0", extra="more.py,sha256=z,1")
    install(tmp_path / "d", "sb_low", "2.0", record=False)
    a, b, c, d = (found(tmp_path / folder, "sb-low")[1][3] for folder in "abcd")
    assert a == b and len(a) == 64
    assert c != a
    assert d == "-"


def test_a_module_stands_for_its_distribution():
    lines = found("", "module:pytest", "module:json", "module:not_there")
    assert "pytest" in [line[1] for line in lines]
    assert all(line[0] in ("python", "package") for line in lines)
