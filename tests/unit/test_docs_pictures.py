"""The pictures of the documentation are those that today's code makes, small, and shown with words."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from tests.support.paths import ROOT

PICTURES = ROOT / "docs" / "pictures"
MOST_BYTES = 100_000


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tools.docs_pictures", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)


def pixels_of(path: Path) -> npt.NDArray[np.uint8]:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


def coarse(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    return np.asarray(Image.fromarray(pixels).resize((40, 30), Image.Resampling.BOX), np.float64)


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
    assert any(made.iterdir())
    for new in made.iterdir():
        pixels, kept = pixels_of(new), pixels_of(PICTURES / new.name)
        assert pixels.shape == kept.shape and pixels.shape[1] == 800, new.name
        assert np.abs(coarse(pixels) - coarse(kept)).mean() < 4, new.name


@pytest.mark.parametrize("path", sorted(PICTURES.iterdir()), ids=lambda path: path.name)
def test_each_is_small_and_a_page_shows_it_with_words(path: Path) -> None:
    assert path.stat().st_size <= MOST_BYTES
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
