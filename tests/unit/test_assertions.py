"""No assertion says less than it seems to, where no rule of ruff's sees it.

`assert x.shape == (2, 3) if channels_last else (3, 2)` asserts the tuple `(3, 2)`, which is true, unless
`channels_last`: the comparison ends before `if`. With parentheses around the choice it is compared.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.paths import ROOT

FILES = sorted(
    path for folder in ("dali_ssd", "examples", "pipelines", "tests", "tools") for path in (ROOT / folder).rglob("*.py")
)


def parts(test: ast.expr) -> Iterator[ast.expr]:
    """Yield what an assertion's truth is made of: itself, or what `and`, `or` and `not` join."""
    if isinstance(test, ast.BoolOp):
        for value in test.values:
            yield from parts(value)
    elif isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        yield from parts(test.operand)
    else:
        yield test


def doubtful_lines(source: str) -> list[int]:
    """Return the lines of assertions on a tuple or on a conditional expression."""
    asserts = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Assert)]
    return [
        node.lineno for node in asserts if any(isinstance(part, ast.Tuple | ast.IfExp) for part in parts(node.test))
    ]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_assertions_are_on_neither_tuples_nor_choices(path: Path) -> None:
    found = doubtful_lines(path.read_text(encoding="utf-8"))
    assert not found, f"{path}, lines {found}: put the choice in parentheses, beside what it is compared with"


@pytest.mark.parametrize(
    "source",
    [
        "assert x == (1, 2) if c else (2, 1)",
        "assert x == 1 if c else 2, 'message'",
        "assert (x == 1, 'message')",
        "assert y and (x == 1 if c else 2)",
        "assert not (y or (x, 2))",
    ],
)
def test_what_always_holds_is_found(source: str) -> None:
    assert doubtful_lines(f"def f():\n    {source}") == [2]


@pytest.mark.parametrize(
    "source",
    [
        "assert x == ((1, 2) if c else (2, 1))",
        "assert (x, y) == (1, 2), 'a' if c else 'b'",
        "assert all(a if c else b for a in x)",
        "assert x and not y",
    ],
)
def test_what_is_compared_is_left_alone(source: str) -> None:
    assert doubtful_lines(source) == []
