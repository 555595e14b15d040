"""The blocks of code of a document, as GitHub and the site show them, and what is missing here to run one."""

from __future__ import annotations

import ast
import importlib.util
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from string import Template

from markdown_it import MarkdownIt

from tests.support.paths import ROOT

__all__ = ["Block", "assigned", "blocks_of", "commands_in", "missing_for"]

_NOT_RUN = re.compile(r"<!-- not run: (.+?) -->", re.DOTALL)
_ASSIGNED = re.compile(r'^(?:export )?([A-Za-z_]\w*)="(.*)"$', re.MULTILINE)
_NEEDS = {
    "demo": ("gluoncv",),
    "detect": ("gluoncv",),
    "eval": ("gluoncv", "pycocotools"),
    "launch": ("gluoncv",),
    "train": ("gluoncv", "pycocotools"),
    "dali_ssd.TrainLoader": ("mxnet",),  # but for framework="dlpack"
    "dali_ssd.ValLoader": ("mxnet",),
    "dali_ssd.torch": ("torch",),
    "dali_ssd.jax": ("jax",),
    "dali_ssd.gluon": ("gluoncv",),
}
"""Libraries that commands and modules of the package need; MXNet comes with GluonCV."""
_ENDS = ";&|<>"
"""Marks that end a command in a line of shell."""
_OPTIONAL = ("gluoncv", "horovod", "jax", "matplotlib", "mxnet", "nvidia", "pycocotools", "tensorboardX", "torch")


@dataclass(frozen=True)
class Block:
    """A block of code."""

    page: Path
    line: int
    """Of its first line of code, from 1."""
    language: str
    """As the fence has it: `python`, `sh`, `diff`, `text` and so on. Code that is indented is `sh`."""
    text: str
    not_run: str = ""
    """Why it is not run: what a comment in front of it says; empty if it is."""

    @property
    def place(self) -> str:
        """Where it is, as editors find it."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    def added(self) -> list[str]:
        """Return the lines that a diff adds, each run of them without its common indent."""
        runs = re.findall(r"(?:^\+.*\n)+", self.text, re.MULTILINE)
        return [_dedented("".join(line[1:] + "\n" for line in run.splitlines())) for run in runs]


def blocks_of(page: Path) -> Iterator[Block]:
    """Yield all blocks of a document in their order."""
    tokens = MarkdownIt().parse(page.read_text(encoding="utf-8"))
    before = ""
    for token in tokens:
        if token.type in ("fence", "code_block"):
            language = (token.info.split() or ["text"])[0] if token.type == "fence" else "sh"
            found = _NOT_RUN.search(before)
            first = (token.map or [0])[0] + (2 if token.type == "fence" else 1)
            reason = " ".join(found[1].split()) if found else ""
            yield Block(page, first, {"console": "sh", "bash": "sh"}.get(language, language), token.content, reason)
        if token.type != "list_item_close":
            before = token.content if token.type == "html_block" else ""


def assigned(text: str) -> dict[str, str]:
    """Return the variables that lines of shell such as `T="train --epochs 1"` set."""
    return dict(_ASSIGNED.findall(text))


def commands_in(text: str, variables: dict[str, str]) -> Iterator[list[str]]:
    """Yield the words of each call of `dali-ssd` in lines of shell, from the command's name on.

    Of a container, that is what follows the image's name, and of `launch` also the command that it starts.
    """
    joined = re.sub(r"\\\n\s*", " ", text)
    for line in joined.splitlines():
        words = _words(Template(line).safe_substitute(variables))
        for start in [number for number, word in enumerate(words) if word.rsplit("/", 1)[-1] == "dali-ssd"]:
            call = words[start + 1 :]
            end = next((number for number, word in enumerate(call) if word and set(word) <= {*_ENDS}), None)
            call = [word for word in call[:end] if word != "..."]
            if call and re.fullmatch(r"[a-z]+(-[a-z]+)*", call[0]):
                yield call
            if call[:1] == ["launch"] and "--" in call:
                yield call[call.index("--") + 1 :]


def missing_for(block: Block) -> str:
    """Return a library that a block needs and that is not installed; empty if there is none."""
    needed: set[str] = set()
    if block.language == "sh":
        commands = list(commands_in(block.text, {}))
        needed = {name for words in commands for name in _NEEDS.get(words[0], ())}
        needed |= {"tensorboardX" for words in commands if "--tensorboard" in words}
        needed |= {"mxnet"} if "mxnet." in block.text else set()
    for code in [block.text] if block.language == "python" else block.added() if block.language == "diff" else []:
        for name in _imported(code):
            needed |= {name.partition(".")[0]} & {*_OPTIONAL, "torchvision"}
            needed |= {one for prefix, names in _NEEDS.items() if name.startswith(prefix + ".") for one in names}
    if "dlpack" in block.text:
        needed.discard("mxnet")
    return next((name for name in sorted(needed) if importlib.util.find_spec(name) is None), "")


def _words(line: str) -> list[str]:
    lexer = shlex.shlex(re.sub(r"(^|\s)#.*", "", line), posix=True, punctuation_chars=_ENDS)
    lexer.whitespace_split, lexer.commenters = True, ""
    return list(lexer)


def _imported(code: str) -> Iterator[str]:
    """Yield the names of all that is imported, with a dot behind each."""
    try:
        nodes = list(ast.walk(ast.parse(code)))
    except SyntaxError:  # a part of a function, in a diff
        return
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (f"{alias.name}." for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}." for alias in node.names)


def _dedented(code: str) -> str:
    first = re.match(r" *", code)
    indent = len(first[0]) if first else 0
    return "".join(line[min(indent, len(line) - len(line.lstrip(" "))) :] for line in code.splitlines(keepends=True))
