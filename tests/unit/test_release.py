"""What a release says of itself agrees: its version, its notes, its citation, and what workflows run."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from dali_ssd import __version__
from tests.support.paths import ROOT, pyproject


def notes(version: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["tools/release-notes", version], cwd=ROOT, capture_output=True, text=True, check=False)


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_the_notes_of_this_version_are_those_of_the_changelog() -> None:
    done = notes(__version__)
    assert done.returncode == 0, done.stderr
    said = done.stdout.strip()
    assert said in read("CHANGELOG.md") and "\n### " in said and "\n## " not in said


@pytest.mark.parametrize("version", ["0.1.0", "9.9.9", "", "0.2"])
def test_another_version_has_no_notes(version: str) -> None:
    done = notes(version)
    assert done.returncode == 1 and done.stdout == "" and done.stderr


def test_the_citation_is_of_the_latest_version_and_its_date() -> None:
    latest = re.search(r"^## \[(.*)\] - (.*)$", read("CHANGELOG.md"), re.MULTILINE)
    citation = read("CITATION.cff")
    assert latest and f"\nversion: {latest[1]}\n" in citation and f'\ndate-released: "{latest[2]}"\n' in citation
    assert f"\nlicense: {pyproject()['project']['license']}\n" in citation


def test_workflows_run_parts_that_there_are() -> None:
    """Each on the Python that it asks make for, and all but the image, which CI's own machine builds."""
    parts = dict(re.findall(r"^([a-z-]+)\(\) \{\n(.*?)^\}$", read(".ci/run"), re.MULTILINE | re.DOTALL))
    pythons = {name: re.search(r"PYTHON=python(\S+)", code) for name, code in parts.items()}
    matrix = re.findall(r'\{ part: (\S+), python: "(\S+)" \}', read(".github/workflows/tests.yml"))
    assert dict(matrix) == {name: found[1] for name, found in pythons.items() if found}


@pytest.mark.parametrize("path", sorted((ROOT / ".github").rglob("*.yml")), ids=lambda path: path.name)
def test_targets_of_workflows_exist(path: Path) -> None:
    asked = {words.split()[-1] for words in re.findall(r"\bmake (.*)", path.read_text(encoding="utf-8"))}
    assert asked <= set(re.findall(r"^([a-z-]+):", read("Makefile"), re.MULTILINE))


def test_links_of_the_readme_lead_to_a_tag_on_pypi() -> None:
    command = ["tools/absolute-links", "https://github.com/o/r", "v1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    links = re.findall(r"(!?)\[[^]]*\]\(([^)]+)\)", done.stdout)
    assert [target for _, target in links if not target.startswith("https://")] == []
    for picture, target in links:
        kind, path = ("raw" if picture else "blob"), target.partition("/v1/")[2].partition("#")[0]
        assert "/o/r/" not in target or (f"/{kind}/v1/" in target and (ROOT / path).is_file()), target
    assert sum("/o/r/" in target for _, target in links) > 10
