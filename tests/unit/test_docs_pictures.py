"""The pictures of the documentation are those that today's code makes, small, and shown with words."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support.paths import ROOT

PICTURES = ROOT / "docs" / "pictures"
MOST_BYTES = 100_000


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tools.docs_pictures", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all pictures, made anew."""
    pytest.importorskip("matplotlib")
    folder = tmp_path_factory.mktemp("pictures")
    done = run(str(folder))
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.slow
def test_they_are_what_the_code_makes(made: Path) -> None:
    """Letters and JPEGs differ a little between versions of the libraries, so pixels may too."""
    assert sorted(path.name for path in made.iterdir()) == sorted(path.name for path in PICTURES.iterdir())
    for path in PICTURES.iterdir():
        pictures = [Image.open(one).convert("RGB") for one in (path, made / path.name)]
        kept, new = (picture.resize((40, 30), Image.Resampling.BOX) for picture in pictures)
        assert pictures[0].size == pictures[1].size, path.name
        assert np.abs(np.asarray(kept, float) - np.asarray(new, float)).mean() < 4, path.name


@pytest.mark.parametrize("path", sorted(PICTURES.iterdir()), ids=lambda path: path.name)
def test_each_is_small_and_a_page_shows_it_with_words(path: Path) -> None:
    assert path.stat().st_size <= MOST_BYTES
    assert Image.open(path).width == 800
    pages = "".join(page.read_text(encoding="utf-8") for page in sorted((ROOT / "docs").glob("*.md")))
    alternatives = re.findall(rf"!\[([^\]]*)\]\(pictures/{path.name}\)", pages)
    assert alternatives and all(len(text) > 40 for text in alternatives)


@pytest.mark.parametrize(
    ("arguments", "said"), [((), "usage:"), (("no/such/folder",), "docs_pictures: FOLDER no/such/folder")]
)
def test_mistakes_are_told_in_a_line(arguments: tuple[str, ...], said: str) -> None:
    pytest.importorskip("matplotlib")
    done = run(*arguments)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(said) and "Traceback" not in done.stderr
