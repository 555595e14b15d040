"""`dali-ssd bench [SHARDS ...]`: compare loaders on the same work, or plan a cluster."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import tyro

from dali_ssd.bench.options import BenchConfig
from dali_ssd.bench.planning.record import write_plan
from dali_ssd.bench.planning.session import make_plan
from dali_ssd.bench.planning.table import print_plan
from dali_ssd.bench.results.record import BenchResult, read_record, write_record
from dali_ssd.bench.results.summary import REFERENCE
from dali_ssd.bench.results.table import print_record
from dali_ssd.bench.session import run_session
from dali_ssd.errors import ConfigError, MissingDependencyError
from dali_ssd.util.optional import require

__all__ = ["run"]


def run(argv: list[str]) -> int:
    """Measure, print and write; return 0 when done, 1 if dali_ssd or all contenders failed.

    With --plan, it is what a cluster needs that is computed, printed and written.
    """
    config = tyro.cli(BenchConfig, args=argv, prog="dali-ssd bench")
    _check_outputs(config)
    command = ["dali-ssd", "bench", *argv]
    if config.plan is not None:
        return _plan(config, command)
    drawn = bool(config.plot) and _can_draw(config.plot)
    record = read_record(Path(config.record)) if config.record else run_session(config, command)
    if config.json:
        write_record(Path(config.json), record)
    print_record(record, sys.stdout)
    if drawn:
        from dali_ssd.bench.results.plot import plot_record

        plot_record(record, Path(config.plot))
    return _exit_code(record)


def _plan(config: BenchConfig, command: list[str]) -> int:
    plan = make_plan(config, command)
    if config.json:
        write_plan(Path(config.json), plan)
    print_plan(plan, sys.stdout)
    return 0


def _check_outputs(config: BenchConfig) -> None:
    """Refuse an output file that cannot be written, before minutes of measuring."""
    for option in ("json", "plot"):
        name = getattr(config, option)
        if name and (not Path(name).parent.is_dir() or Path(name).is_dir()):
            raise ConfigError(f"--{option} {name}: not a file name in a folder that exists")
        if name and not os.access(Path(name).parent, os.W_OK):
            raise ConfigError(f"--{option} {name}: user {os.getuid()} may not write to {Path(name).parent}")


def _can_draw(name: str) -> bool:
    """Return whether Matplotlib is installed; warn if not, since the numbers do not need the picture."""
    try:
        require("matplotlib")
    except MissingDependencyError as error:
        print(f"dali-ssd: {name} is left out: {error}", file=sys.stderr)
        return False
    return True


def _exit_code(record: BenchResult) -> int:
    """Return 1 if dali_ssd failed or nothing ran; a peer that cannot load the shards is only a finding."""
    failed = {done.trial.contender for done in record.runs if done.outcome.error}
    worked = {done.trial.contender for done in record.runs if not done.outcome.error}
    return 1 if REFERENCE in failed or not worked else 0
