"""`dali-ssd build-plugin`."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dali_ssd.cli.main import main
from tests.support.plugin import clean_path, quick


@pytest.fixture(autouse=True)
def _apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sources that take a second to compile, and a cache of their own."""
    sources = quick(tmp_path / "sources")
    for module in ("build", "load"):
        monkeypatch.setattr(f"dali_ssd.plugin.{module}.own_sources", lambda: sources)
    monkeypatch.setenv("DALI_SSD_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("DALI_SSD_PLUGIN", raising=False)


@pytest.mark.plugin
def test_it_says_what_it_has_built(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build-plugin", "--arch", "90,80"]) == 0
    (path,) = (tmp_path / "cache" / "plugin").iterdir()
    line = rf"{re.escape(str(path))}: \d+\.\d MB for 80, 90, "
    assert re.fullmatch(line + r"built in \d+ s\n", capsys.readouterr().out)
    assert main(["build-plugin", "--arch", "90"]) == 0
    assert re.fullmatch(line + "there already\n", capsys.readouterr().out)
    assert main(["build-plugin", "--arch", "90,80", "--rebuild"]) == 0
    assert re.fullmatch(line + r"built in \d+ s\n", capsys.readouterr().out)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ((), "dali-ssd: error: there is no GPU here to build the plugin for"),
        (("--arch", "all"), "there is no g++"),
    ],
)
def test_what_it_cannot_do_is_said_in_a_line(
    options: tuple[str, ...],
    says: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    clean_path(monkeypatch, tmp_path / "bin")
    assert main(["build-plugin", *options]) == 2
    assert says in capsys.readouterr().err


def test_another_arch_is_a_fault_of_the_options(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["build-plugin", "--arch", "sm_80"])
    assert caught.value.code == 2
    assert "arch must be native, all, or compute capabilities" in " ".join(capsys.readouterr().err.split())
