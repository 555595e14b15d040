"""`make` installs when something else is asked for than is there, and only then."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PYTHON = """#!/bin/sh
echo "$@" >>"{log}"
[ "$2" != venv ] || {{ mkdir -p .venv/bin && cp "$0" .venv/bin/python; }}
"""
"""An interpreter that notes its arguments, and whose .venv has only itself."""

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="needs make")


class Checkout:
    """The files that `make test` needs, and interpreters that install nothing."""

    def __init__(self, root: Path) -> None:
        self.root, self.log = root, root / "log"
        (root / "tools").mkdir()
        for name in ("Makefile", "pyproject.toml", "constraints.txt", "tools/setup-venv"):
            shutil.copy(ROOT / name, root / name)
        for name in ("one", "two"):
            (root / name).write_text(PYTHON.format(log=self.log))
            (root / name).chmod(0o755)

    def make(self, **options: str) -> tuple[int, int]:
        """How often `make test` with these options made a .venv, and installed into it."""
        self.log.unlink(missing_ok=True)
        clean = {name: value for name, value in os.environ.items() if name not in ("EXTRAS", "PYTHON", "MAKEFLAGS")}
        chosen = [f"{name}={value}" for name, value in options.items()]
        subprocess.run(["make", *chosen, "test"], cwd=self.root, env=clean, check=True, capture_output=True)
        log = self.log.read_text()
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
    assert checkout.make(PYTHON=two) == (1, 1)
    assert checkout.make() == (0, 0)
    assert (tmp_path / ".venv" / ".installed").read_text() == f"dev {two}\n"
