"""The tables of docs/errors.md, and all places in the code that raise an error of ours."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from dali_ssd import errors
from tests.support.paths import ROOT

DOCUMENT = ROOT / "docs" / "errors.md"
ERRORS = {*errors.__all__, "FrameError"} - {"RecordLocation"}
NOT_SEEN = {"{}", "its parts lead to no end"}
"""Templates of messages that users never see: one passes on another error's, one is caught by `recover`."""


def rows(heading: str | None = None) -> list[list[str]]:
    """Cells of the rows below a heading, or of all tables of messages."""
    text = DOCUMENT.read_text(encoding="utf-8")
    messages, _, findings = text.partition("\n## What `dali-ssd check` finds")
    text = messages if heading is None else findings
    lines = [line for line in text.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def messages() -> list[str]:
    """Return the messages as in the document, with `{name}` for what is filled in."""
    return [re.sub(r"^(`+) ?(.*?) ?\1$", r"\2", row[0]) for row in rows()]


def template(message: str) -> str:
    """Return a message of the document without the names in braces."""
    return re.sub(r"\{[^}]*\}", "{}", message)


def pattern(message: str) -> re.Pattern[str]:
    """Return a pattern that matches the raised message."""
    parts = [re.escape(part) for part in template(message).split("{}")]
    return re.compile(".*".join(parts), re.DOTALL)


def sites() -> Iterator[tuple[str, str]]:
    """Yield (place in the code, template of the message) of each error that is made there."""
    for path in sorted([*(ROOT / "dali_ssd").rglob("*.py"), *(ROOT / "pipelines").rglob("*.py")]):
        module = ast.parse(path.read_text(encoding="utf-8"))
        scopes = [node for node in ast.walk(module) if isinstance(node, ast.FunctionDef)]
        for scope in scopes:
            for node in ast.walk(scope):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ERRORS:
                    text = _template(node.args[0], scope, module).partition("\n")[0]
                    yield f"{path.relative_to(ROOT)}:{node.lineno}", text


def _template(node: ast.expr, scope: ast.AST, module: ast.Module) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(_template(part, scope, module) for part in node.values)
    if isinstance(node, ast.BinOp):
        return _template(node.left, scope, module) + _template(node.right, scope, module)
    if isinstance(node, ast.Name):
        return _assigned(node.id, scope, module)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return _first_text(node.func.id, module)
    if isinstance(node, ast.Call) and ast.unparse(node.func) == repr("\n") + ".join":
        return _template(node.args[0], scope, module)
    if isinstance(node, ast.List):
        return _template(node.elts[0], scope, module)
    return "{}"


def _assigned(name: str, scope: ast.AST, module: ast.Module) -> str:
    """Return the text assigned to a variable of the function, if it is assigned once."""
    values = [
        node.value
        for node in ast.walk(scope)
        if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == [name]
    ]
    return _template(values[0], scope, module) if len(values) == 1 else "{}"


def _first_text(name: str, module: ast.Module) -> str:
    """Return the first text that a function of the module makes."""
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef) and node.name == name:
            texts = [part for part in ast.walk(node) if isinstance(part, ast.JoinedStr)]
            return _template(min(texts, key=lambda text: text.lineno), node, module)
    return "{}"
