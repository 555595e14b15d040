"""One pinned batch of each pipeline.

Anyone's training depends on the order in which a plan draws its numbers, on the filters' and the colors' every detail,
and a change of any of them passes the other tests as long as it is right. Here it is seen: whoever means it pins anew,
by `python -m tests.unit.pipelines.test_golden`, and says so in the CHANGELOG.

The images are PNG, so that no JPEG decoder matters; what is compared are means over blocks, with a tolerance that
covers whether a CPU fuses multiplication and addition.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.pipes import arrays, train_pipeline, val_pipeline
from tests.support.shards import as_shard, write_random

PINNED = Path(__file__).with_name("golden.json")
TOLERANCE = 2e-3


def summary(outputs: Any) -> list[dict[str, Any]]:
    """Of each image of a batch: the record's offset, means of 4 x 4 blocks of each channel, and the rest in brief."""
    images, *others, places = (arrays(output) for output in outputs)
    found = []
    for number, (image, place) in enumerate(zip(images, places, strict=True)):
        blocks = image.reshape(3, 4, 16, 4, 16).mean(axis=(2, 4))
        rest = [other[number] for other in others]
        found.append(
            {
                "offset": int(place.tobytes().decode().rsplit(" ", 1)[1]),
                "blocks": blocks.round(3).tolist(),
                "rest": [[int(np.count_nonzero(array)), round(float(np.abs(array).sum()), 3)] for array in rest],
            }
        )
    return found


def batches(folder: Path) -> dict[str, list[dict[str, Any]]]:
    shard = as_shard(write_random(folder, 10, seed=42))
    return {
        "train": summary(train_pipeline(shard, 6, seed=233).run()),
        "val": summary(val_pipeline(shard, 10).run()),
    }


@pytest.mark.parametrize("name", ["train", "val"])
def test_batch_is_the_pinned_one(tmp_path: Path, name: str) -> None:
    pinned, found = json.loads(PINNED.read_text())[name], batches(tmp_path)[name]
    assert [item["offset"] for item in found] == [item["offset"] for item in pinned]
    for mine, theirs in zip(found, pinned, strict=True):
        np.testing.assert_allclose(mine["blocks"], theirs["blocks"], rtol=0, atol=TOLERANCE)
        np.testing.assert_allclose(mine["rest"], theirs["rest"], rtol=1e-4, atol=TOLERANCE)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        lines = {name: ",\n".join(map(json.dumps, items)) for name, items in batches(Path(folder)).items()}
    PINNED.write_text("{" + ",\n".join(f'"{name}": [\n{text}]' for name, text in lines.items()) + "}\n")
    print(f"pinned {PINNED}")
