"""`dali-ssd launch -n 4 -- train ...`: start the processes of a training run."""

from __future__ import annotations

import tyro

from dali_ssd.launch.start.options import LaunchConfig
from dali_ssd.launch.start.run import launch

__all__ = ["run"]


def run(argv: list[str]) -> int:
    """Start and supervise the processes; return the exit code of the first that failed, 0 if none did."""
    dashes = argv.index("--") if "--" in argv else len(argv)
    config = tyro.cli(LaunchConfig, args=argv[:dashes], prog="dali-ssd launch")
    return launch(config, argv[dashes + 1 :])
