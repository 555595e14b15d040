"""Write docs/commands.md, the reference of all commands, from what each command hands to its parser.

    python -m tools.commands

A test fails while the page is not what this writes.
"""

from __future__ import annotations

import importlib
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import tyro

from dali_ssd.cli.main import COMMANDS
from dali_ssd.convert.readers import READERS

__all__ = ["PAGE", "page", "parser_of"]

PAGE = Path(__file__).resolve().parent.parent / "docs" / "commands.md"

_GUIDES = {
    "bench": "benchmarks.md",
    "build-plugin": "plugin.md",
    "convert": "convert.md",
    "detect": "detect.md",
    "eval": "eval-report.md",
    "gpu-check": "gpu-check.md",
    "inspect": "inspect.md",
    "launch": "scaling.md",
    "reshard": "convert.md",
    "show": "show.md",
    "train": "train.md",
}
"""The page that says more about a command; one that is not there yet is left out."""
_HEAD = """# Commands

<!-- Written by `make commands`: change the docstrings of the options instead. -->

`dali-ssd COMMAND --help` prints what is here about a command. An option that takes several values takes them one
after the other, as in `--train a.rec b.rec`. A switch such as `--amp` has a negative, `--no-amp`.

A command exits with 0 when it has done what it was asked, and with 2 if it cannot start: an option that makes no
sense, a file that is not there. [The page on errors](errors.md) has every message, and the other codes.
"""


class _Asked(Exception):
    """Raised in place of parsing, with what the command wants parsed."""


def page() -> str:
    """Return the text of the whole page."""
    rows = [f"| [`{name}`](#dali-ssd-{name}) | {command.help} |" for name, command in COMMANDS.items()]
    parts = [_HEAD, "\n".join(["| command | what it does |", "|---|---|", *rows, ""])]
    for name in COMMANDS:
        parts += _section(name)
    return "\n".join(parts)


def parser_of(name: str, *words: str) -> Any:
    """Return the parser of a command as argparse has them, such as `parser_of("convert", "voc")`."""

    def refuse(options: Any, **settings: Any) -> Any:
        settings.pop("args")
        raise _Asked(options, settings)

    try:
        with mock.patch.object(tyro, "cli", refuse):
            importlib.import_module(COMMANDS[name].module).run([*words])
    except _Asked as asked:
        options, settings = asked.args
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # tyro has nothing in its place yet
        return tyro.extras.get_parser(options, **settings)


def _section(name: str) -> Iterator[str]:
    yield f"## dali-ssd {name}\n"
    if name in _GUIDES and (PAGE.parent / _GUIDES[name]).exists():
        yield f"The guide: [{_title(PAGE.parent / _GUIDES[name])}]({_GUIDES[name]}).\n"
    if name != "convert":
        yield _of_parser(parser_of(name))
        return
    for reader in READERS:
        yield f"### dali-ssd convert {reader}\n"
        yield _of_parser(parser_of(name, reader))


def _title(path: Path) -> str:
    return path.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")


def _of_parser(parser: Any) -> str:
    actions = [action for action in parser._actions if action.dest != "help"]
    rows = ["| option | default | meaning |", "|---|---|---|", *map(_row, actions)]
    return "\n".join([parser.description or "", "", *rows, ""])


def _row(action: Any) -> str:
    names = [name for name in action.option_strings if not name.startswith("--no-")]
    names.sort(key=lambda name: not name.startswith("--"))
    option = " ".join(f"`{name}`" for name in names or [action.dest.upper()])
    text, default = _split(" ".join((action.help or "").split()))
    if action.choices and not all(re.search(rf"\b{choice}\b", text) for choice in map(str, action.choices)):
        text = f"{text} One of {', '.join(f'`{choice}`' for choice in action.choices)}.".strip()
    return f"| {option} | {default} | {_plain(text)} |"


def _split(text: str) -> tuple[str, str]:
    """Return what an option means and its default, which tyro writes in parentheses at the end."""
    if text.endswith("(required)"):
        return text.removesuffix("(required)").strip(), "required"
    found = re.search(r" ?\(default: (.*)\)$", text)
    if not found:
        return text, ""
    word = {"True": "on", "False": "off", "None": "", "none": ""}.get(found[1], found[1].strip("'"))
    return text[: found.start()], f"`{word}`" if word and word not in ("on", "off") else word


def _plain(text: str) -> str:
    """Escape what would end a cell, and what Markdown would take for marks."""
    return re.sub(r"(?<!`)\*(?=\.)", r"\\*", text.replace("|", r"\|")).replace("<", "&lt;")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
