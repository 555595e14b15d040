"""DALI's messages, including real ones."""

from __future__ import annotations

import pytest

from dali_ssd.records.decode.dali_messages import blames_records, cause, parse_source_info

DECODER = """Critical error in pipeline:
Error in CPU operator `nvidia.dali.fn.decoders.image`,
which was used in the pipeline definition with the following traceback:

  File "a.py", line 3, in graph

encountered:

Unrecognized image format. Supported formats are:
JPEG, PNG
Current pipeline object is no longer valid."""


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (DECODER, "Unrecognized image format. Supported formats are"),
        ("one line", "one line"),
        ("first\n\n  last  \n", "last"),
        ("nothing was\nencountered:\n", "encountered"),
        ("\n \n", None),
        ("", None),
    ],
)
def test_cause(message: str, expected: str | None) -> None:
    assert cause(message) == expected


@pytest.mark.parametrize(("message", "blamed"), [(DECODER, True), ("Error in operator `resize`\nout of memory", False)])
def test_records_are_blamed_for_what_reads_and_decodes_them(message: str, blamed: bool) -> None:
    assert blames_records(message) == blamed


@pytest.mark.parametrize("shard", ["/data/a.rec", "a at index 7.rec", ""])
def test_source_info(shard: str) -> None:
    assert parse_source_info(f"{shard} at index 1234") == (shard, 1234)
