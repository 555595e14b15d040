"""`dali-ssd eval --params FILE --val SHARDS ...`: score trained parameters."""

from __future__ import annotations

import json
import math
import shlex
from dataclasses import replace

import tyro

from dali_ssd.gluon.options import EvalConfig
from dali_ssd.metrics.scores import METRICS, Scores
from dali_ssd.util.files import atomic_open, require_folder_of
from dali_ssd.util.optional import import_module
from dali_ssd.util.words import counted

__all__ = ["run"]

_MEAN = "mAP (VOC07)"


def run(argv: list[str]) -> int:
    """Score, print a table, and write the files asked for; return 0 when done."""
    config = tyro.cli(EvalConfig, args=argv, prog="dali-ssd eval")
    _check_outputs(config)
    choice = import_module("dali_ssd.gluon.trained.choice").choose_to_score(config)
    # Only now, when all is known: to load MXNet takes seconds.
    scoring = import_module("dali_ssd.gluon.scoring").score_file(config, choice)
    print(_table(scoring.scores))
    if config.json:
        with atomic_open(config.json, "w") as file:
            json.dump(_record(config, scoring.scores) | scoring.evaluation.analysis.numbers(), file, indent=2)
            file.write("\n")
    if config.draw:
        import_module("dali_ssd.visualize.grid").save_grid(scoring.tiles, scoring.scores.classes, config.draw)
        print(f"detections: {config.draw}")
    if config.report:
        evaluation = replace(scoring.evaluation, command=shlex.join(["dali-ssd", "eval", *argv]))
        import_module("dali_ssd.reporting.evaluation.page").write_evaluation(config.report, evaluation)
        print(f"report: {config.report}")
    return 0


def _check_outputs(config: EvalConfig) -> None:
    """Refuse an output file that cannot be written, before the work."""
    for option, name in (("--json", config.json), ("--draw", config.draw), ("--report", config.report)):
        if name:
            require_folder_of(option, name)


def _table(scores: Scores) -> str:
    width = max(map(len, (*scores.classes, _MEAN, *(name for table in scores.tables.values() for name in table))))
    lines = [counted(scores.images, "image"), "", f"{'class':<{width}}  AP@0.5"]
    lines += [f"{name:<{width}}  {_number(value)}  {reason}".rstrip() for name, value, reason in scores.rows()]
    lines += [f"{_MEAN:<{width}}  {_number(scores.mean_ap)}"]
    for title, table in scores.tables.items():
        lines += ["", f"{title:<{width}}  value"]
        lines += [f"{name:<{width}}  {_number(value)}{_why(title, value)}" for name, value in table.items()]
    notes = scores.truth.notes()
    return "\n".join([*lines, "", *notes] if notes else lines)


def _number(value: float) -> str:
    return "     -" if math.isnan(value) else f"{value:6.3f}"


def _why(title: str, value: float) -> str:
    # If no object counts at all, nothing is scored.
    return f"  {METRICS[title].why_nan}" if math.isnan(value) else ""


def _record(config: EvalConfig, scores: Scores) -> dict[str, object]:
    def known(value: float) -> float | None:
        return None if math.isnan(value) else value

    return {
        "params": config.params,
        "val": list(config.val),
        "images": scores.images,
        "map": known(scores.mean_ap),
        "ap": {name: known(value) for name, value in zip(scores.classes, scores.ap, strict=True)},
        "doubtful_objects": {"outside": scores.truth.outside, "without_area": scores.truth.flat},
        **{
            title.lower(): {name: known(value) for name, value in table.items()}
            for title, table in scores.tables.items()
        },
    }
