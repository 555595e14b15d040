"""`make` installs only if the environment differs from what is asked for."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.paths import ROOT, pyproject

PYTHON = """#!/bin/sh
echo "$@" >>"{log}"
[ "$2" != venv ] || {{ mkdir -p "$4/bin" && cp "$0" "$4/bin/python"; }}
case "$2" in *ensurepip*) [ {version} != 3.14 ] || exit 1 ;; esac
[ "$1" != -c ] || echo {version}
"""
"""An interpreter that notes its arguments, answers all questions by its version, and whose environment is empty."""

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="needs make")


class Checkout:
    """The files that `make test` needs, and interpreters that install nothing."""

    def __init__(self, root: Path) -> None:
        self.root, self.log = root, root / "log"
        (root / "tools").mkdir()
        for name in ("Makefile", "pyproject.toml", "tools/install", "tools/setup-venv"):
            shutil.copy(ROOT / name, root / name)
        shutil.copytree(ROOT / "constraints", root / "constraints")
        for name, version in (("one", "3.11"), ("two", "3.13"), ("three", "3.14")):
            (root / name).write_text(PYTHON.format(log=self.log, version=version))
            (root / name).chmod(0o755)

    def run(self, keep: tuple[str, ...] = (), **options: str) -> tuple[subprocess.CompletedProcess[str], str]:
        """Run `make test` with these options; return how it ended, and what the interpreters noted."""
        self.log.unlink(missing_ok=True)
        ours = {"EXTRAS", "PYTHON", "VENV", "MAKEFLAGS"} - set(keep)
        clean = {name: value for name, value in os.environ.items() if name not in ours}
        chosen = [f"{name}={value}" for name, value in options.items()]
        done = subprocess.run(
            ["make", *chosen, "test"], cwd=self.root, env=clean, capture_output=True, text=True, check=False
        )
        return done, self.log.read_text()

    def make(self, **options: str) -> tuple[int, int]:
        """How often `make test` with these options made an environment, and installed into it."""
        done, log = self.run((), **options)
        assert done.returncode == 0, done.stderr
        assert "-m pytest" in log
        return log.count("-m venv"), log.count("-m pip install")


def test_make_installs_when_another_choice_is_made(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path)
    one, two = (str(tmp_path / name) for name in ("one", "two"))
    assert checkout.make(PYTHON=one) == (1, 1)
    assert checkout.make() == (0, 0)
    assert checkout.make(PYTHON=one) == (0, 0)
    assert checkout.make(EXTRAS="dev") == (0, 1)
    assert checkout.make(EXTRAS="dev") == checkout.make() == (0, 0)
    assert checkout.make(PYTHON=two, VENV=".venv-two") == (1, 2), "on 3.13 MXNet is a second step"
    assert checkout.make() == (0, 0), "another environment beside it changes nothing"
    assert checkout.make(PYTHON=two) == (1, 1)
    assert checkout.make() == (0, 0)
    assert (tmp_path / ".venv" / ".installed").read_text() == f"dev {two}\n"


def test_mxnet_is_installed_alone_where_its_numpy_is_not_to_be_had(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path)
    for name, version, last in (("one", "3.11", None), ("two", "3.13", "mxnet-cu117")):
        log = checkout.run(PYTHON=str(tmp_path / name), EXTRAS="dev,mxnet-cu117")[1]
        installs = [line for line in log.splitlines() if line.startswith("-m pip install")]
        assert installs[0].startswith(f"-m pip install -c constraints/python{version}.txt -e .[dev,mxnet-cu117]")
        alone = [line.split()[-1] for line in installs if "--no-deps" in line]
        assert alone == ([last] if last else [])


@pytest.mark.parametrize(
    ("extras", "name", "tested"),
    [
        ("test,torch,jax", "one", "3.11-torch"),
        ("test,torchvision", "one", "3.11-torchvision"),
        ("dev,mxnet,torch", "one", "3.11"),
        ("dev,gluon,torch", "one", "3.11"),
        ("test,torch", "two", "3.13"),
        ("dev", "one", "3.11"),
    ],
)
def test_each_framework_has_its_tested_set(tmp_path: Path, extras: str, name: str, tested: str) -> None:
    log = Checkout(tmp_path).run(PYTHON=str(tmp_path / name), EXTRAS=extras)[1]
    assert f"-m pip install -c constraints/python{tested}.txt -e .[{extras}]" in log


def test_python_that_is_too_new_is_refused_in_one_line(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path)
    done, log = checkout.run(PYTHON=str(tmp_path / "three"))
    assert done.returncode != 0
    assert "-m" not in log.split()
    (line,) = (line for line in done.stderr.splitlines() if "Python" in line)
    assert line.startswith("dali_ssd needs Python 3.10 to 3.13 with venv (found: 3.14): install it")


def test_a_users_own_environment_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkout = Checkout(tmp_path)
    monkeypatch.setenv("VENV", str(tmp_path / "mine"))
    done, _ = checkout.run(keep=("VENV",), PYTHON=str(tmp_path / "one"))
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "mine").exists() and (tmp_path / ".venv").is_dir()


def test_tests_with_a_mark_are_run_where_they_are_asked_for(tmp_path: Path) -> None:
    marks = [line.partition(":")[0] for line in pyproject()["tool"]["pytest"]["ini_options"]["markers"]]
    checkout, without = Checkout(tmp_path), f"-m not ({' or '.join(marks)})"
    for given, asked in (("", ""), ("-m slow tests/fuzz", " -m slow tests/fuzz"), ('-m ""', " -m ")):
        log = checkout.run(PYTHON=str(tmp_path / "one"), ARGS=given)[1]
        last = log.splitlines()[-1]
        assert last.startswith("-m pytest -n logical ")
        assert last.endswith(without + asked), "pytest takes the later -m of two"


def test_every_mark_is_explained() -> None:
    marks = {line.partition(":")[0] for line in pyproject()["tool"]["pytest"]["ini_options"]["markers"]}
    table = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("| mark |")[2].partition("\n\n")[0]
    assert set(re.findall(r"^\| `([a-z]+)` \|", table, re.MULTILINE)) == marks
