"""Numbers with the word for what they count, and lists that end."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["counted", "first_few"]

_ENDINGS_WITH_E = ("s", "x", "ch", "sh")


def counted(count: int, word: str) -> str:
    """A number and its word, given for one, in English: `1 shard`, `2,000 shards`, `3 batches`, `2 bad records`."""
    return f"{count:,} {word if count == 1 else _plural(word)}"


def first_few(things: Sequence[object], word: str, few: int = 5) -> list[str]:
    """Return the first few of many as texts, and how many more of `word` there are: `and 2 shards more`."""
    more = [f"and {counted(len(things) - few, word)} more"] if len(things) > few else []
    return [*map(str, things[:few]), *more]


def _plural(word: str) -> str:
    return word + ("es" if word.endswith(_ENDINGS_WITH_E) else "s")
