"""`dali-ssd launch` with `tests/support/engine_loop.py` in place of training: `OPTIONS -- train ...`."""

from __future__ import annotations

import sys
from pathlib import Path

import tyro

from dali_ssd.launch.start.options import LaunchConfig
from dali_ssd.launch.start.run import launch

LOOP = str(Path(__file__).with_name("engine_loop.py"))

if __name__ == "__main__":
    dashes = sys.argv.index("--")
    config = tyro.cli(LaunchConfig, args=sys.argv[1:dashes])
    sys.exit(launch(config, sys.argv[dashes + 1 :], (sys.executable, LOOP)))
