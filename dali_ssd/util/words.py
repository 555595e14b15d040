"""Numbers with the word for what they count."""

from __future__ import annotations

__all__ = ["counted"]

_ENDINGS_WITH_E = ("s", "x", "ch", "sh")


def counted(count: int, word: str) -> str:
    """A number and its word, given for one, in English: `1 shard`, `2,000 shards`, `3 batches`, `2 bad records`."""
    return f"{count:,} {word if count == 1 else _plural(word)}"


def _plural(word: str) -> str:
    return word + ("es" if word.endswith(_ENDINGS_WITH_E) else "s")
