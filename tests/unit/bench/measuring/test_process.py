"""The processes of the benchmark find this package, and all others as the command does."""

from __future__ import annotations

import sys
from importlib.machinery import PathFinder
from pathlib import Path

import pytest

from dali_ssd.bench.measuring.process import start_python

PROGRAM = """
import sys
from importlib.util import find_spec
print(sys.modules["dali_ssd"].__file__, *(find_spec(name) and find_spec(name).origin for name in ("torch", "jax")))
"""


def test_rooms_do_not_hide_the_packages_whose_names_they_have(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as `dali_ssd.torch`: a child that imports PyTorch must not find this package's folder."""
    (tmp_path / "sees.py").write_text(f"import dali_ssd{PROGRAM}")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    log = tmp_path / "log"
    assert start_python("sees", tmp_path, tmp_path, log=log).wait(60) == 0, log.read_text()
    found = [PathFinder.find_spec(name, sys.path) for name in ("torch", "jax")]
    package = Path(sys.modules["dali_ssd"].__file__ or "").resolve()
    assert log.read_text().split() == [str(package), *(str(spec and spec.origin) for spec in found)]
