"""The pages of `docs/extending`: the files that each adds and the changes that it makes to others."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from tests.support.paths import ROOT

__all__ = ["PAGES", "Page", "read_page"]

PAGES = sorted((ROOT / "docs" / "extending").glob("*.md"))
_FILE = re.compile(r"^`([\w./-]+)`(?: \(new\))?:\n((?:\n```(?:python|diff)\n.*?^```\n)+)", re.MULTILINE | re.DOTALL)
_BLOCK = re.compile(r"^```(python|diff)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Page:
    """What to do to a checkout."""

    new: dict[str, str]
    """Files by their path."""
    changes: dict[str, list[tuple[str, str]]]
    """What is replaced by what in the files that are there."""

    @property
    def files(self) -> list[str]:
        """Every file that is touched."""
        return [*self.new, *self.changes]

    @property
    def tests(self) -> list[str]:
        """The tests that come with it."""
        return [path for path in self.new if path.startswith("tests/")]

    def apply(self, root: Path) -> None:
        """Do it to a checkout. Raises AssertionError if a file is not as the page has it."""
        for path, text in self.new.items():
            assert not (root / path).exists() and (root / path).parent.is_dir(), path
            (root / path).write_text(text, encoding="utf-8")
        for path, changes in self.changes.items():
            text = (root / path).read_text(encoding="utf-8")
            for before, after in changes:
                assert text.count(before) == 1, f"{path} has {text.count(before)} times:\n{before}"
                text = text.replace(before, after)
            (root / path).write_text(text, encoding="utf-8")


def read_page(path: Path) -> Page:
    """Return what a page does."""
    new: dict[str, str] = {}
    changes: dict[str, list[tuple[str, str]]] = {}
    for file, blocks in _FILE.findall(path.read_text(encoding="utf-8")):
        for language, text in _BLOCK.findall(blocks):
            if language == "python":
                new[file] = text
            else:
                changes.setdefault(file, []).append(_sides(text))
    return Page(new, changes)


def _sides(diff: str) -> tuple[str, str]:
    lines = diff.splitlines(keepends=True)
    before = "".join(line[1:] or "\n" for line in lines if line[0] != "+")
    after = "".join(line[1:] or "\n" for line in lines if line[0] != "-")
    return before, after
