"""Options of the example for small runs. Without PyTorch, the tests that ask for them are skipped before."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dali_ssd.records.format.classes import CLASSES_FILE
from tests.support.shards import write_random


@pytest.fixture(scope="module")
def shard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """22 images: with 4 a step, epochs are of 5, 6 and 5 steps."""
    folder = tmp_path_factory.mktemp("shards")
    (folder / CLASSES_FILE).write_text("a\nb\nc\n")
    return write_random(folder, 22)[0]


@pytest.fixture
def small(shard: Path, tmp_path: Path) -> Callable[..., Any]:
    """Options for a small run in a folder of its own."""

    def options(folder: str = "run", **changes: Any) -> Any:
        from examples.torchvision_ssd import Options
        from tests.end_to_end.torchvision_ssd.runs import SMALL

        (tmp_path / folder).mkdir(exist_ok=True)
        given: dict[str, Any] = SMALL | {
            "train": (str(shard),),
            "val": (str(shard),),
            "save_prefix": f"{tmp_path / folder}/",
        }
        return Options(**given | changes)

    return options
