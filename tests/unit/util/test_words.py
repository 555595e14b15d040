from __future__ import annotations

from collections.abc import Sequence

import pytest

from dali_ssd.util.words import counted, first_few, first_line, number_runs, shortened


@pytest.mark.parametrize(
    ("count", "word", "text"),
    [
        (0, "shard", "0 shards"),
        (1, "shard", "1 shard"),
        (2, "shard", "2 shards"),
        (1234, "record", "1,234 records"),
        (1, "batch", "1 batch"),
        (2, "batch", "2 batches"),
        (2, "epoch", "2 epochs"),
        (3, "class", "3 classes"),
        (3, "box", "3 boxes"),
        (1, "bad record", "1 bad record"),
        (2, "bad record", "2 bad records"),
    ],
)
def test_words_agree_with_their_number(count: int, word: str, text: str) -> None:
    assert counted(count, word) == text


def test_a_list_of_many_ends_with_their_number() -> None:
    assert first_few(["a", "b"], "shard") == ["a", "b"]
    assert first_few(list("abcdef"), "shard") == [*"abcde", "and 1 shard more"]
    assert first_few(range(1240), "record", 1) == ["0", "and 1,239 records more"]


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("one\ntwo"), "one"),
        (
            RuntimeError("\nTraceback (most recent call last):\nStack trace:\n  File: no such file \n"),
            "File: no such file",
        ),
        (OSError(), "OSError"),
        (KeyError(""), "''"),
    ],
)
def test_the_first_line_of_an_error_says_what_is_wrong(error: Exception, line: str) -> None:
    assert first_line(error) == line


@pytest.mark.parametrize(
    ("numbers", "text"),
    [
        (range(8), "0-7"),
        ((0,), "0"),
        ((0, 1), "0,1"),
        ((0, 1, 2, 5), "0-2,5"),
        ((0, 2, 4), "0,2,4"),
        ((3, 1), "3,1"),
        ((), ""),
    ],
)
def test_runs_of_numbers_have_their_ends(numbers: Sequence[int], text: str) -> None:
    assert number_runs(numbers) == text


def test_long_texts_end_in_dots() -> None:
    assert shortened("abc", 3) == "abc"
    assert shortened("abcdefghij", 8) == "abcd ..."
