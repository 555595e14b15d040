"""Files that commands write: another kind of file, such as the data, is never replaced."""

from __future__ import annotations

from pathlib import Path

import pytest

from dali_ssd.bench.soak.__main__ import main as soak
from dali_ssd.cli.main import main
from tests.support.records import Write, record

_EVAL = ("eval", "--params", "{data}", "--val", "{data}")
_FAULTS = {
    (*_EVAL, "--report", "{data}"): "report must be a name that ends in .html",
    (*_EVAL, "--json", "{data}"): "json must be a name that ends in .json",
    (*_EVAL, "--draw", "{data}"): "draw must be a name that ends in .png, .jpg or .jpeg",
    (*_EVAL, "--report", "out.html", "--json", "out.html"): "json must be a name that ends in .json",
    ("show", "{data}", "--out", "{data}"): "out must be a name that ends in .png, .jpg or .jpeg",
    ("inspect", "{data}", "--html", "{data}"): "html must be a name that ends in .html",
    ("check", "{data}", "--json", "{data}"): "json must be a name that ends in .json",
    ("bench", "{data}", "--json", "{data}"): "json must be a name that ends in .json",
    ("bench", "{data}", "--plot", "{data}"): "plot must be a name that ends in .png",
    ("soak", "--out", "{data}"): "out must be a name that ends in .md",
}


@pytest.mark.parametrize("argv", _FAULTS, ids=" ".join)
def test_data_is_not_replaced(argv: tuple[str, ...], write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    data: Path = write([record()])
    before = data.read_bytes()
    words = [word.format(data=data) for word in argv]
    try:
        code = soak(words[1:]) if words[0] == "soak" else main(words)
    except SystemExit as stop:  # tyro's, with a frame around the message
        code = int(str(stop.code))
    said = " ".join(capsys.readouterr().err.replace("│", "").split())
    assert code == 2 and _FAULTS[argv] in said
    assert data.read_bytes() == before
