"""`tools/build-horovod` builds once, and says what is missing; tests/engines runs what it has built."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.paths import ROOT

SCRIPT = ROOT / "tools" / "build-horovod"
PROGRAMS = ("sh", "dirname", "env", "find", "grep", "mktemp", "mv", "nproc", "rm", "make")
"""What the script starts, but for a compiler."""
PYTHON = """#!{executable}
import os, pathlib, sys
here, said = pathlib.Path({here!r}), " ".join(sys.argv[1:])
wheels = here / "-".join(["wheels", *sorted(name for name in os.environ if name.startswith("HOROVOD_"))])
folder = lambda option: pathlib.Path(sys.argv[sys.argv.index(option) + 1])
if "-m pip" in said:
    print(said, file=(here / "log").open("a"))
if said.endswith("import dali_ssd, horovod.mxnet"):
    sys.exit(not (here / "installed").exists())
elif "hashlib" in said:
    wheels.mkdir(exist_ok=True)
    print(wheels)
elif "direct_url" in said:
    sys.exit(sys.argv[-1] + "/" not in (here / "installed").read_text())
elif "version_info" in said:
    print("3.11")
elif "--target" in said:
    folder("--target").mkdir()
elif "pip wheel" in said:
    (folder("--wheel-dir") / "horovod.whl").touch()
else:
    (here / "installed").write_text(said)
"""
"""An interpreter whose pip notes what it is asked for; what is built is empty, in a folder named by what was chosen."""


@pytest.fixture
def python(tmp_path: Path) -> Path:
    path = tmp_path / "python"
    path.write_text(PYTHON.format(executable=sys.executable, here=str(tmp_path)))
    path.chmod(0o755)
    return path


def build(python: Path, *compilers: str, **chosen: str) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """Run the script for this interpreter with these compilers on PATH and these variables.

    Returns its end, and pip's command lines.
    """
    path, log = python.parent / "path", python.parent / "log"
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir()
    for name in PROGRAMS:
        (path / name).symlink_to(shutil.which(name) or pytest.skip(f"needs {name}"))
    for name in compilers:
        (path / name).touch(mode=0o755)
    log.write_text("")
    environ = {**os.environ, **chosen, "PATH": str(path), "TMPDIR": str(python.parent)}
    done = subprocess.run([SCRIPT, python], env=environ, capture_output=True, text=True, check=False, timeout=60)
    return done, log.read_text().splitlines()


def test_built_once_and_installed_where_it_is_missing(python: Path) -> None:
    done, log = build(python, "g++")
    assert done.returncode == 0, done.stderr
    assert [line.split()[2] for line in log] == ["install", "wheel", "install", "install"]
    assert "--no-build-isolation" in log[1] and log[1].endswith(" horovod==0.28.1")
    assert all(" -c constraints/python3.11.txt " in line for line in log)
    assert not list(python.parent.glob("tmp*")), "what it was built with is gone"
    (folder,) = python.parent.glob("wheels*")
    assert [path.name for path in folder.iterdir()] == ["horovod.whl"]

    assert build(python)[1] == [], "it is there"
    (python.parent / "installed").unlink()
    done, log = build(python)
    assert done.returncode == 0, "the wheel is there, for which no compiler is needed"
    assert [line.split()[2] for line in log] == ["install", "install"]


def test_what_is_asked_for_is_built_though_another_is_there(python: Path) -> None:
    assert build(python, "g++")[0].returncode == 0
    asked = {"HOROVOD_WITH_MPI": "1", "HOROVOD_GPU_OPERATIONS": "NCCL"}
    done, log = build(python, "g++", **asked)
    assert done.returncode == 0, done.stderr
    assert [line.split()[2] for line in log] == ["install", "wheel", "install", "install"]
    assert "HOROVOD_GPU_OPERATIONS" in log[2] and "HOROVOD_WITHOUT_MPI" not in log[2]

    for variables in (asked, {}):  # whoever asks for nothing takes what is there
        done, log = build(python, **variables)
        assert (done.stdout, log) == (f"Horovod is installed for {python}\n", [])
    assert [line.split()[2] for line in build(python, HOROVOD_WITH_GLOO="1")[1]] == ["install", "install"], "back"


def test_a_wheel_that_was_cut_off_is_none(python: Path) -> None:
    assert build(python, "g++")[0].returncode == 0
    (folder,) = python.parent.glob("wheels*")
    (folder / "horovod.whl").rename(folder / "part.Xx12")
    (python.parent / "installed").unlink()
    assert [line.split()[2] for line in build(python, "g++")[1]] == ["install", "wheel", "install", "install"]


def test_without_a_compiler_the_command_that_brings_it(python: Path) -> None:
    done, log = build(python)
    assert (done.returncode, log) == (1, [])
    assert done.stderr.splitlines() == [
        "Horovod is built by g++ and make, and there is no g++: install them, on Debian or Ubuntu by "
        "'apt-get install g++ make'"
    ]


def test_an_environment_without_mxnet_is_told_how_to_get_it(tmp_path: Path) -> None:
    for name in ("horovod", "mxnet"):
        (tmp_path / f"{name}.py").write_text(f"raise ModuleNotFoundError('No module named {name}', name='{name}')")
    environ = {**os.environ, "PYTHONPATH": f"{tmp_path}:{ROOT}", "DALI_SSD_CACHE": str(tmp_path)}
    command = (SCRIPT, sys.executable)
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert done.stderr.startswith("dali-ssd: MXNet is not installed; run: pip install ")


def test_without_an_interpreter_its_usage() -> None:
    done = subprocess.run([SCRIPT], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert "Usage: tools/build-horovod PYTHON" in done.stderr
