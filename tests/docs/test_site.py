"""The site builds without a warning, has every public name, and asks no other server for anything."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.support.paths import ROOT

pytestmark = pytest.mark.docs

REFERENCE = "\n".join(page.read_text(encoding="utf-8") for page in sorted((ROOT / "docs" / "reference").glob("*.md")))
MODULES = sorted(re.findall(r"^::: ([\w.]+)$", REFERENCE, re.MULTILINE))
USERS = {"dali_ssd", "dali_ssd.torch", "dali_ssd.jax", "dali_ssd.config", "dali_ssd.errors", "dali_ssd.synthetic"}
"""Modules that users import from in any case."""


class Tags(HTMLParser):
    """The ids of a page, and where all that a browser loads by itself comes from."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.loaded: set[str] = set()
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.ids |= {given["id"]} if "id" in given else set()
        if tag in ("script", "img", "iframe", "source") and "src" in given:
            self.loaded.add(given["src"])
        if tag == "link" and given.get("rel") != "canonical":
            self.loaded.add(given.get("href", ""))


def built(folder: Path) -> Path:
    """The site, in a folder; it is built once, so all that is asked of it is in one test."""
    for name in ("mkdocs", "material", "mkdocstrings", "nbclient"):
        pytest.importorskip(name)
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    quiet = {"NO_MKDOCS_2_WARNING": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=os.environ | quiet, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr, done.stderr
    return folder


def exported(module: str) -> list[str]:
    path = ROOT / module.replace(".", "/")
    tree = ast.parse((path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).read_text(encoding="utf-8"))
    nodes = [node for node in tree.body if isinstance(node, ast.Assign)]
    (names,) = (ast.literal_eval(node.value) for node in nodes if ast.unparse(node.targets[0]) == "__all__")
    return [str(name) for name in names]


def test_modules_of_users_have_a_page() -> None:
    assert set(MODULES) >= USERS
    assert {name.partition(".")[0] for name in MODULES} == {"dali_ssd", "pipelines"}


def test_the_site_is_whole(tmp_path: Path) -> None:
    site = built(tmp_path / "site")
    pages = {page: Tags(page) for page in site.rglob("*.html")}
    assert len(pages) > 30
    ids = {one for page, tags in pages.items() if page.parent.name == "reference" for one in tags.ids}
    assert {f"{module}.{name}" for module in MODULES for name in exported(module)} - ids == set(), "not on a page"
    for page, tags in pages.items():
        assert [url for url in tags.loaded if re.match(r"(https?:)?//", url)] == [], f"{page}: from another server"
    sheets = "".join(path.read_text(encoding="utf-8") for path in site.rglob("*.css"))
    assert re.findall(r"url\(['\"]?(?:https?:)?//", sheets) == []
    tour = (site / "tour.html").read_text(encoding="utf-8")
    assert "data:image/png;base64," in tour and "images/s" in tour, "the notebook, with what it shows"
