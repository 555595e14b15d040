"""`dali-ssd show SHARDS`: draw records with their boxes."""

from __future__ import annotations

import tyro

from dali_ssd.util.files import require_folder_of
from dali_ssd.util.optional import import_module
from dali_ssd.visualize.options import ShowConfig

__all__ = ["run"]


def run(argv: list[str]) -> int:
    """Draw the PNG and print its path; return 0 when done."""
    config = tyro.cli(ShowConfig, args=argv, prog="dali-ssd show")
    require_folder_of("--out", config.out)
    classes, tiles = import_module("dali_ssd.visualize.samples").exhibit(config)
    import_module("dali_ssd.visualize.grid").save_grid(tiles, classes, config.out, columns=config.columns)
    print(config.out)
    return 0
