"""A reader who does what a document says: runs its blocks one after the other, in one process and one folder.

    reader.py STEPS.json

A step is a kind, a place and a text. Python's blocks share their names, as if typed at one prompt. What a diff adds is
run with the names that the script around it has.
"""

from __future__ import annotations

import json
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any


def main(steps: list[list[str]]) -> int:
    """Run all steps; at the first that fails, say where and return 1."""
    names: dict[str, Any] = {"__name__": "__main__"}
    sys.path.insert(0, "")  # at a prompt, modules in the folder can be imported
    for kind, place, text in steps:
        print(f"== {place}", flush=True)
        try:
            if kind == "sh":
                subprocess.run(["bash", "-euo", "pipefail", "-c", text], check=True)
            elif kind == "diff":
                run_added(text, place)
            else:
                exec(compile(text, place, "exec"), names)
        except BaseException as error:
            if not isinstance(error, subprocess.CalledProcessError):
                traceback.print_exc()
            print(f"{place} failed: {error}", flush=True)
            return 1
    return 0


def run_added(text: str, place: str) -> None:
    """Run the parts that a diff adds, separated by form feeds, in a script that has what they use."""
    names = surroundings()
    for part in text.split("\f"):
        if "batch" in part.split() and "train_loader" in names:
            names["batch"] = next(iter(names["train_loader"]))
        exec(compile(part, place, "exec"), names)
    if "train_loader" in names:
        assert len(list(next(iter(names["train_loader"])))) >= 2, "a batch has images and what to learn"


def surroundings() -> dict[str, Any]:
    """Return what a training script has before it makes its loader."""
    import numpy as np

    import dali_ssd  # noqa: F401 - before MXNet

    step = np.arange(15, 300, 30, dtype=np.float32)
    x, y = np.meshgrid(step, step)
    anchors = np.stack([x, y, np.full_like(x, 60), np.full_like(x, 60)], axis=-1).reshape(1, -1, 4)
    names: dict[str, Any] = {"anchors": anchors, "batch_size": 8, "data_shape": 300, "device": "cpu"}
    names |= {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
    try:
        import mxnet as mx
    except ImportError:
        return names
    return names | {"mx": mx, "ctx": [mx.cpu()], "anchors": mx.nd.array(anchors)}


if __name__ == "__main__":
    sys.exit(main(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))))
