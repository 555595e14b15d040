"""The document of the report agrees with the command, and its code with the package."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dali_ssd.gluon.options import EvalConfig
from dali_ssd.loader.recipes import find_recipe
from dali_ssd.records.dataset import open_dataset
from dali_ssd.reporting.evaluation.kinds import LABELS
from dali_ssd.synthetic import write_shapes
from tests.support.evaluated import SIDE, seen
from tests.support.paths import ROOT

DOCUMENT = (ROOT / "docs" / "eval-report.md").read_text(encoding="utf-8")


def test_options_have_their_defaults() -> None:
    defaults = {field.name: str(field.default) for field in fields(EvalConfig)}
    named = re.findall(r"^\| `--([a-z-]+)` \| (.*?) ?\| ", DOCUMENT, re.MULTILINE)
    assert len(named) == 4
    assert {name: defaults[name.replace("-", "_")] for name, _ in named} == dict(named)


def test_it_explains_every_kind_of_error() -> None:
    table = DOCUMENT.partition("| kind | what it means")[2].partition("\n\n")[0]
    assert re.findall(r"^\| ([a-z ]+) \|", table, re.MULTILINE) == list(LABELS)


def test_the_example_writes_a_report(tmp_path: Path) -> None:
    pytest.importorskip("jinja2")
    pytest.importorskip("pycocotools")
    names: dict[str, Any] = {}
    exec(re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL)[0], names)
    dataset = open_dataset(write_shapes(tmp_path, "shapes", 6, seed=0))
    loader = SimpleNamespace(recipe=find_recipe(data_shape=SIDE), dataset=dataset)
    names["write_report"](tmp_path / "page.html", seen(dataset, 4), list("abcd"), loader)
    assert "My network" in (tmp_path / "page.html").read_text(encoding="utf-8")
