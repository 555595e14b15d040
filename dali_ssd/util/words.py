"""Words for messages: numbers with nouns, shortened lists, the line of an error that says what is wrong."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["counted", "first_few", "first_line"]

_ENDINGS_WITH_E = ("s", "x", "ch", "sh")


def counted(count: int, word: str) -> str:
    """Return a number and its word, given in the singular: `1 shard`, `2,000 shards`, `3 batches`, `2 bad records`."""
    return f"{count:,} {word if count == 1 else _plural(word)}"


def first_few(things: Sequence[object], word: str, few: int = 5) -> list[str]:
    """Return the first few of many as texts, and how many more of `word` there are: `and 2 shards more`."""
    more = [f"and {counted(len(things) - few, word)} more"] if len(things) > few else []
    return [*map(str, things[:few]), *more]


def first_line(error: Exception) -> str:
    """Return the first line of an error that says what is wrong (MXNet's begin with a trace), or else its class."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return next((line for line in lines if "Traceback" not in line and "Stack trace" not in line), type(error).__name__)


def _plural(word: str) -> str:
    return word + ("es" if word.endswith(_ENDINGS_WITH_E) else "s")
