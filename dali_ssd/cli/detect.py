"""`dali-ssd detect --params FILE IMAGES|SHARDS ...`: find objects in images, as pictures and JSON lines."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path

import tyro

from dali_ssd.gluon.detecting.options import DetectConfig
from dali_ssd.util.optional import import_module
from dali_ssd.util.words import counted

__all__ = ["run"]


def run(argv: list[str]) -> int:
    """Write the files, name the images that cannot be read, and print a summary.

    Returns 0 if all were read, 1 if some were not, 2 if none was.
    """
    config = tyro.cli(DetectConfig, args=argv, prog="dali-ssd detect")
    out = Path(config.out)
    inputs = import_module("dali_ssd.gluon.detecting.inputs").find_inputs(config.inputs, out)
    choice = import_module("dali_ssd.gluon.trained.choice").choose(config, inputs.shards)
    # Only now, when all is known: to load MXNet takes seconds.
    results_of, running = (import_module(f"dali_ssd.gluon.detecting.{name}") for name in ("results", "run"))
    detector = running.Detector(config, choice)
    results_of.require_place(out, (*inputs.images, *inputs.shards, *inputs.folders), overwrite=config.overwrite)
    left_out = 0
    with closing(detector.run(inputs)) as found, results_of.Results(out, choice.classes, config.pictures) as results:
        for one in found:
            if isinstance(one, running.Seen):
                results.add(one)
            else:
                left_out += 1
                print(f"left out: {one.name}: {one.reason}", file=sys.stderr)
    print(f"{counted(results.objects, 'object')} in {counted(results.images, 'image')}: {out / results_of.LINES}")
    for count, word, what in (
        (left_out, "image", "could not be read"),
        (results.undrawn, "image", "could not be drawn"),
        (inputs.passed_over, "file", "in folders had other names than images have"),
        (inputs.results, "file", f"in {out} left alone, because results go there"),
    ):
        if count:
            print(f"{counted(count, word)} {what}", file=sys.stderr)
    if not left_out:
        return 0
    return 1 if results.images else 2
