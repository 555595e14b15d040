"""Detections."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mxnet as mx

from dali_ssd.gluon.detecting.inputs import find_inputs
from dali_ssd.gluon.detecting.options import DetectConfig
from dali_ssd.gluon.detecting.results import LINES, require_place
from dali_ssd.gluon.trained.choice import Choice, choose
from dali_ssd.util.files import part_name
from tests.errors.cases import Case


def file(path: Path) -> Path:
    path.touch()
    return path


def choice(name: str, **options: Any) -> Case:
    """What is chosen by a parameter file of this name, which has no parameters."""

    def build(folder: Path, _: object) -> Choice:
        mx.nd.save(str(folder / name), {})
        return choose(DetectConfig(("a.jpg",), str(folder / name), **options), ())

    return build


CASES: dict[str, Case] = {
    "{reason} {path}; give image files, folders of them, or shards": lambda *_: find_inputs(["none.jpg"]),
    "no images among": lambda folder, _: find_inputs([str(folder)]),
    "does not tell which network": choice("mine.params", classes="a"),
    "a parameter file has no class names": choice("ssd_128_mobilenet0.25_custom_best.params"),
    "is a file; give a folder": lambda folder, _: require_place(file(folder / "a"), [], overwrite=True),
    "has files that are to be read": lambda folder, _: require_place(folder, [file(folder / "a")], overwrite=True),
    "of a run that was interrupted": lambda folder, _: require_place(
        file(part_name(folder / LINES)).parent, [], overwrite=False
    ),
    "has files already": lambda folder, _: require_place(file(folder / "a").parent, [], overwrite=False),
}
