"""`dali-ssd convert`."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dali_ssd.cli.convert import run
from dali_ssd.convert.readers.coco import CocoConfig
from dali_ssd.convert.readers.voc import VocConfig
from dali_ssd.convert.run import convert
from dali_ssd.util.parallel import ordered_map
from tests.errors.cases import Case
from tests.support.annotations import Coco, Voc, jpeg
from tests.support.processes import said_without_guard

GOOD = ("cat", 10, 10, 40, 40)


def voc(change: Callable[[Voc], object], **options: Any) -> Case:
    """Convert a VOC folder of one good image after a change."""

    def case(folder: Path, _: object) -> object:
        source = Voc(folder / "voc")
        source.add("good", [GOOD])
        change(source)
        return convert(VocConfig(source.root, folder / "out", workers=1, **options))

    return case


def coco(change: Callable[[Coco], object], **options: Any) -> Case:
    """Convert a COCO folder of one good image after a change."""

    def case(folder: Path, _: object) -> object:
        source = Coco(folder / "coco")
        source.categories(cat=1)
        source.image(1)
        source.box(1, 1, [10, 10, 20, 20])
        change(source)
        (folder / "coco" / "instances.json").exists() or source.save()
        return convert(CocoConfig(source.root, folder / "out", annotations="instances.json", workers=1, **options))

    return case


def other_classes(folder: Path, _: object) -> object:
    (folder / "out").mkdir()
    (folder / "out" / "classes.txt").write_text("dog\n")
    return voc(lambda _: None)(folder, None)  # type: ignore[arg-type]


def die(_: int) -> None:
    os._exit(1)


CASES: dict[str, Case] = {
    "cannot convert": lambda *_: run(["yolo"]),
    "cannot be opened by DALI": voc(lambda _: None, stem="caf\udce9"),
    "no .xml files": voc(lambda source: (source.root / "Annotations" / "good.xml").unlink()),
    "cannot read the split": voc(lambda _: None, split="none"),
    "the split {path} is empty": voc(lambda source: source.split("val"), split="val"),
    "no COCO annotations": lambda folder, _: convert(CocoConfig(folder, folder / "out")),
    "cannot read the annotations {path}": coco(lambda s: (s.root / "instances.json").write_text("{")),
    "not a COCO instances file": coco(lambda s: (s.root / "instances.json").write_text("{}")),
    "{place}: {problem}; correct it in the file": coco(lambda s: s.content["categories"].append({"id": 2, "name": ""})),
    "has no categories": coco(lambda source: source.content.update(categories=[])),
    "both have the id": coco(lambda source: source.content["categories"].append({"id": 1, "name": "dog"})),
    "bad image or annotation, so nothing was written": voc(
        lambda source: source.add("cut", [GOOD], image=jpeg(100, 50)[:900]), on_bad="raise"
    ),
    "two categories have the same name": coco(
        lambda source: source.content["categories"].append({"id": 2, "name": "cat"})
    ),
    "lists other classes": other_classes,
    "have no usable objects, so no classes": voc(lambda source: source.add("good", [])),
    "nothing to write from": voc(lambda source: source.add("good", [GOOD], image=b"text")),
    "no worker process could start": lambda folder, _: said_without_guard(folder),
    "a worker process died": lambda *_: list(ordered_map(die, list(range(1000)), 2)),
}
