"""`dali-ssd show SHARDS`: draw records with their boxes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import tyro

from dali_ssd.util.files import require_folder_of
from dali_ssd.util.optional import import_module
from dali_ssd.visualize.options import ShowConfig

__all__ = ["run"]


def run(argv: list[str]) -> int:
    """Draw the PNG and print its path; return 0 when done."""
    config = tyro.cli(ShowConfig, args=list(_with_numbers(argv)), prog="dali-ssd show")
    require_folder_of("--out", config.out)
    picture = import_module("dali_ssd.visualize.samples").picture(config)
    import_module("dali_ssd.visualize.grid").save_picture(picture, config.out)
    print(config.out)
    return 0


def _with_numbers(argv: Sequence[str]) -> Iterator[str]:
    """Yield the arguments, with `auto` after an `--augmented` that has no number."""
    for word, following in pairwise([*argv, ""]):
        yield word
        if word == "--augmented" and not (following.isdecimal() or following == "auto"):
            yield "auto"
