from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dali_ssd.convert import run as module
from dali_ssd.convert.readers.voc import VocConfig
from dali_ssd.convert.run import convert
from dali_ssd.errors import ConfigError, DaliSsdError, DatasetError
from dali_ssd.records.dataset import open_dataset
from tests.support.annotations import Voc, jpeg


@pytest.fixture
def many(voc: Voc) -> Voc:
    image = jpeg(100, 50)
    for i in range(150):
        voc.add(f"{i:03d}", [("cat", 11, 6, 20 + i % 80, 26)], image=image)
    return voc


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_same_shards_whatever_the_workers(many: Voc, tmp_path: Path) -> None:
    for workers in (1, 2):
        convert(VocConfig(many.root, tmp_path / str(workers), shards=3, shuffle=True, workers=workers))
    first = contents(tmp_path / "1")
    assert first == contents(tmp_path / "2")
    assert len(open_dataset(str(tmp_path / "1" / "*.rec"))) == 150
    assert sum(name.endswith(".rec") for name in first) == 3


def test_seed_decides_the_order(many: Voc, tmp_path: Path) -> None:
    def order(name: str, **options: Any) -> list[float]:
        convert(VocConfig(many.root, tmp_path / name, workers=1, **options))
        dataset = open_dataset(tmp_path / name / "data.rec")
        return [float(dataset.read(i)[0].label[5]) for i in range(150)]

    plain, one, again, two = (
        order("plain"),
        order("one", shuffle=True, seed=1),
        order("again", shuffle=True, seed=1),
        order("two", shuffle=True, seed=2),
    )
    assert one == again and len({tuple(plain), tuple(one), tuple(two)}) == 3
    assert sorted(plain) == sorted(one) == sorted(two)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(28, "No space left on device")])
def test_interruption_leaves_nothing(
    many: Voc, out: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    def interrupted(items: Iterator[Any], *rest: Any) -> Iterator[Any]:
        for number, item in enumerate(items):
            if number == 70:
                raise error
            yield item

    monkeypatch.setattr(module, "track", interrupted)
    with pytest.raises(type(error)):
        convert(VocConfig(many.root, out, workers=2))
    assert os.listdir(out) == []


def test_existing_shards_and_other_classes(voc: Voc, out: Path) -> None:
    voc.add("a", [("cat", 11, 6, 51, 26)])
    convert(VocConfig(voc.root, out))
    with pytest.raises(DaliSsdError, match="--overwrite"):
        convert(VocConfig(voc.root, out))
    with pytest.raises(DatasetError, match="other classes"):
        convert(VocConfig(voc.root, out, stem="more", classes="dog"))
    convert(VocConfig(voc.root, out, stem="more"))
    convert(VocConfig(voc.root, out, classes="dog,cat", overwrite=True))
    assert (out / "classes.txt").read_text() == "dog\ncat\n"


def test_place_for_the_result_is_looked_at_before_the_annotations(voc: Voc, out: Path) -> None:
    out.write_text("a file")
    for place in (out, out / "inside"):
        with pytest.raises(DaliSsdError, match=rf"^cannot create files in {place}: .*; choose another folder$"):
            convert(VocConfig(voc.root / "none", place))
    assert out.read_text() == "a file"


def test_faults_of_options_come_together(voc: Voc, out: Path) -> None:
    with pytest.raises(ConfigError, match=r"shards.*workers.*seed.*exif"):
        VocConfig(voc.root, out, shards=0, workers=-1, seed=-1, exif="sideways")  # type: ignore[arg-type]
