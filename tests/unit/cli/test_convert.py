"""`dali-ssd convert`: what it prints, and its exit codes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dali_ssd.cli import convert as command
from dali_ssd.cli.main import main
from dali_ssd.errors import ConfigError
from tests.support.annotations import CAT, Coco, Voc, jpeg, turned_tiff


def test_no_object_at_all(coco: Coco, capsys: pytest.CaptureFixture[str]) -> None:
    coco.image(1)
    coco.categories(cat=1)
    coco.box(2, 1, [10, 10, 30, 30])
    coco.save()
    assert command.run(["coco", str(coco.root), str(coco.root / "out"), "--workers", "1"]) == 1
    assert "no objects were converted" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("box", "image", "options", "code"),
    [
        (CAT, None, [], 0),
        (("cat", 0.1, 0.1, 0.5, 0.5), None, [], 1),
        (("cat", 0.1, 0.1, 0.5, 0.5), None, ["--drop-empty"], 1),
        (CAT, turned_tiff(), [], 1),
        (CAT, jpeg(1000, 500), [], 1),
        (CAT, b"", [], 1),
        (None, None, [], 1),
        (None, None, ["--classes", "cat"], 1),
        (CAT, None, ["--classes", "dog"], 1),
        (CAT, None, ["--images", "none"], 1),
        (CAT, None, ["--annotations", "none"], 2),
        (CAT, None, ["--split", "none"], 2),
        (CAT, jpeg(100, 50)[:600], ["--on-bad", "raise"], 2),
    ],
)
def test_exit_code(voc: Voc, box: Any, image: bytes | None, options: list[str], code: int) -> None:
    """1 if the data leave nothing to learn, 2 if the command cannot be carried out."""
    voc.add("a", [] if box is None else [box], image=image)
    assert main(["convert", "voc", str(voc.root), str(voc.root / "out"), "--workers", "1", *options]) == code


def test_command(voc: Voc, out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    voc.add("a", [("cat", 11, 6, 151, 26)])
    assert command.run(["voc", str(voc.root), str(out), "--stem", "mine"]) == 0
    printed = capsys.readouterr().out
    for expected in ("1 image with 1 object", "1 box clipped", "classes: cat", "mine.report.txt", "mine.rec"):
        assert expected in printed


def test_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.run([]) == 2
    assert command.run(["--help"]) == 0
    assert "{voc,coco" in capsys.readouterr().out
    with pytest.raises(ConfigError, match="cannot convert 'yolo'"):
        command.run(["yolo", "a", "b"])


def test_errors_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["convert", "voc", str(tmp_path / "none"), str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err.startswith("dali-ssd: error: no .xml files in")
