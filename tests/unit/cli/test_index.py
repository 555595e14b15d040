"""`dali-ssd index`."""

from __future__ import annotations

from pathlib import Path

import pytest

from dali_ssd.cli import index as index_command
from dali_ssd.convert.readers.voc import VocConfig
from dali_ssd.convert.run import convert
from dali_ssd.errors import RecordError
from tests.support.annotations import Voc


def test_index_command(voc: Voc, out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    voc.add("a", [("cat", 11, 6, 51, 26)])
    convert(VocConfig(voc.root, out))
    whole = (out / "data.idx").read_bytes()
    (out / "data.idx").write_text("nonsense")
    assert index_command.run([str(out / "*.rec")]) == 0
    assert (out / "data.idx").read_bytes() == whole and "1 record" in capsys.readouterr().out
    (out / "data.rec").write_bytes(b"damaged!")
    with pytest.raises(RecordError):
        index_command.run([str(out / "data.rec")])
    assert (out / "data.idx").read_bytes() == whole
