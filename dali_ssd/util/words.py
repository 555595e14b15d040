"""Words for messages: numbers with nouns, shortened lists, the line of an error that says what is wrong."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

__all__ = ["counted", "first_few", "first_line", "number_runs", "shortened"]

_ENDINGS_WITH_E = ("s", "x", "ch", "sh")
_SPOKEN_WITH_K = ("epoch",)


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


def shortened(text: str, most: int = 160) -> str:
    """Return at most `most` characters of a text, with dots at the end if there were more."""
    return text if len(text) <= most else f"{text[: most - 4]} ..."


def number_runs(numbers: Iterable[int]) -> str:
    """Return ascending numbers with runs of three or more as their ends: `0-7`, `0,1`, `0-3,6`."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    texts = [[f"{run[0]}-{run[-1]}"] if len(run) > 2 else list(map(str, run)) for run in runs]
    return ",".join(text for run in texts for text in run)


def _plural(word: str) -> str:
    return word + ("es" if word.endswith(_ENDINGS_WITH_E) and not word.endswith(_SPOKEN_WITH_K) else "s")
