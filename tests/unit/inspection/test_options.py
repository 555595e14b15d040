from __future__ import annotations

from pathlib import Path

import pytest

from dali_ssd.errors import ConfigError
from dali_ssd.inspection.options import InspectConfig


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"html": Path("a.txt")}, "html must be a name that ends in .html, not 'a.txt'"),
        ({"json": Path("a.html")}, "json must be a name that ends in .json"),
        ({"html": Path("a.html"), "record": 0}, "leave out record"),
        ({"sample": 0, "views": 0, "gpus": 0}, "sample must be greater than 0, not 0; views .*; gpus "),
        ({"workers": -1, "seed": -1}, "workers must not be negative, not -1; seed "),
        ({"coordinates": "furlong"}, "coordinates must be auto, fraction or pixel"),
        ({"sample": 1.5}, "sample must be a whole number"),
    ],
)
def test_what_cannot_be_meant_is_refused(options: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        InspectConfig(("a.rec",), **options)  # type: ignore[arg-type]
