"""`dali-ssd demo`: draw images, train on them, and score."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import tyro

from dali_ssd.gluon.options import DemoConfig
from dali_ssd.util.optional import import_module
from dali_ssd.util.words import counted

if TYPE_CHECKING:
    from dali_ssd.gluon.demo import DemoResult
    from dali_ssd.metrics.scores import Scores

__all__ = ["run"]


def run(argv: list[str]) -> int:
    """Run the demo and print its results; return 0 when done, 128 + the signal's number if a signal ended it."""
    config = tyro.cli(DemoConfig, args=argv, prog="dali-ssd demo")
    result: DemoResult = import_module("dali_ssd.gluon.demo").run_demo(config, _say)
    if result.scores is not None:
        print("\n".join(["", *_speeds(result), "", *_scores(result.scores), ""]))
        print("\n".join(f"{name}: {path}" for name, path in result.files.items()))
    return result.fit.exit_code


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _speeds(result: DemoResult) -> list[str]:
    time = result.fit.time
    return [
        f"training   {time.speed:6.0f} images/s over {counted(time.images, 'image')} in {time.total:.0f} s",
        f"  of which {time.data_share:6.1%} waiting for data",
        f"           {1 - time.data_share:6.1%} computing",
        f"loader     {result.loader_speed:6.0f} images/s alone",
    ]


def _scores(scores: Scores) -> list[str]:
    images = "1 image that was" if scores.images == 1 else f"{scores.images} images that were"
    lines = [f"on {images} not trained on:"]
    lines += [f"  {name:<10} {reason or f'{value:.3f}'}" for name, value, reason in scores.rows()]
    return [*lines, f"  mAP@0.5    {scores.mean_ap:.3f}", f"  COCO AP    {scores.coco['AP']:.3f}"]
