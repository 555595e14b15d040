"""`python -m dali_ssd.bench.soak`: run, write the report, and print the verdict."""

from __future__ import annotations

import datetime
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import tyro

from dali_ssd.bench.soak.faults import plant
from dali_ssd.bench.soak.options import SoakConfig
from dali_ssd.errors import DaliSsdError
from dali_ssd.launch.signals import StopSignal
from dali_ssd.util.files import atomic_open, require_folder_of
from dali_ssd.util.optional import import_module

if TYPE_CHECKING:
    from dali_ssd.bench.soak.run import Soaked

__all__ = ["main"]

_PROGRAM = "python -m dali_ssd.bench.soak"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the soak and return the exit code that `SoakConfig` describes; 2 for options that cannot work."""
    options = list(sys.argv[1:] if argv is None else argv)
    try:
        config = tyro.cli(SoakConfig, args=options, prog=_PROGRAM)
        return _run(config, [*_PROGRAM.split(), *options])
    except DaliSsdError as error:
        print(f"soak: error: {error}", file=sys.stderr)
        return error.exit_code


def _run(config: SoakConfig, command: list[str]) -> int:
    out = Path(config.out)
    require_folder_of("--out", out)
    soak = import_module("dali_ssd.bench.soak.run").soak
    date, code = datetime.date.today().isoformat(), import_module("dali_ssd.bench.soak.report").describe_code()
    stop = StopSignal()
    with tempfile.TemporaryDirectory(prefix="dali-ssd-soak-") as folder:
        result = soak(config, plant(Path(folder), config.records, config.copies, config.seed), stop)
    _write(result, out, command, date, code)
    well = f"all is well, but {result.not_measured}" if result.not_measured else "all is well"
    print(f"{out}: {'; '.join(result.failures) or well}")
    return stop.exit_code or (1 if result.failures else 0)


def _write(result: Soaked, out: Path, command: list[str], date: str, code: str) -> None:
    picture = out.with_suffix(".png")
    if result.samples:
        import_module("dali_ssd.bench.soak.plot").plot_soak(result, picture)
    report = import_module("dali_ssd.bench.soak.report").report
    with atomic_open(out, "w") as file:
        file.write(report(result, command, date, code, picture.name if result.samples else ""))


if __name__ == "__main__":
    sys.exit(main())
