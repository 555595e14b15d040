"""Letters that the usual font lacks; the fonts of the machine are those that Matplotlib brings along."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageDraw

pytest.importorskip("matplotlib")

import matplotlib

from dali_ssd.reporting.curve import plot_history
from dali_ssd.visualize import lettering
from dali_ssd.visualize.grid import Tile, tile_grid
from dali_ssd.visualize.lettering import Lettering, for_matplotlib

FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
RARE = "\N{MODIFIER LETTER SMALL AIN}", "\N{LATIN SMALL LETTER D WITH PALATAL HOOK}"
"""The first is in DejaVu Serif only, the second in STIX only, none in DejaVu Sans."""
NOWHERE = "\N{HANGUL SYLLABLE GA}"

SystemFonts = Callable[..., None]


@pytest.fixture
def system_fonts(monkeypatch: pytest.MonkeyPatch) -> Iterator[SystemFonts]:
    """Let the machine have only these fonts."""

    def have(*names: str) -> None:
        lettering._fonts_for.cache_clear()
        monkeypatch.setattr(lettering, "_system_fonts", lambda: [str(FONTS / name) for name in names])

    yield have
    lettering._fonts_for.cache_clear()


def written(text: str, knows: str | None = None) -> npt.NDArray[np.uint8]:
    picture = Image.new("RGB", (200, 30))
    Lettering([knows or text, "?"], 13).write(ImageDraw.Draw(picture), (3, 3), text, (255, 255, 255))
    return np.asarray(picture)


def test_usual_letters_need_no_font_of_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lettering, "_system_fonts", lambda: pytest.fail("looked for fonts"))
    for text in ("dog 0.95", "собака", "کلب", "σκύλος", "a\u200cb", ""):
        assert Lettering([text], 13).has(text)


def test_a_font_that_has_the_letter_is_found(system_fonts: SystemFonts, caplog: pytest.LogCaptureFixture) -> None:
    system_fonts("cmr10.ttf", "none.ttf", "LastResortHE-Regular.ttf", "DejaVuSerif-Bold.ttf", "DejaVuSerif.ttf")
    fonts, missing = lettering._fonts_for(frozenset(RARE[0]))
    assert [path.name for path in fonts] == ["DejaVuSans.ttf", "DejaVuSerif.ttf"]
    assert not missing
    assert not caplog.records


def test_letters_of_several_fonts_in_one_text(system_fonts: SystemFonts) -> None:
    text = f"a{RARE[0]}b{RARE[1]}"
    system_fonts("DejaVuSerif.ttf", "STIXGeneral.ttf")
    assert Lettering([text], 13).has(text)
    found = written(text)
    system_fonts()
    assert (found != written(text)).any()


def test_letters_that_no_font_has_are_said_once(system_fonts: SystemFonts, caplog: pytest.LogCaptureFixture) -> None:
    system_fonts("DejaVuSerif.ttf")
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            assert not Lettering(["dog", NOWHERE], 13).has(NOWHERE)
    assert len(caplog.records) == 1
    assert f"no font here has the letters {NOWHERE}: " in caplog.text
    assert "apt-get install -y fonts-noto-cjk" in caplog.text


@pytest.mark.parametrize(
    ("letter", "package"), [("猫", "fonts-noto-cjk"), ("แ", "fonts-noto-core"), ("\N{DOG FACE}", "fonts-symbola")]
)
def test_the_package_that_has_a_letter(letter: str, package: str) -> None:
    assert lettering._package(letter) == package


def test_what_cannot_be_written_is_a_question_mark(system_fonts: SystemFonts) -> None:
    system_fonts()
    np.testing.assert_array_equal(written(f"a{NOWHERE}b"), written("a?b"))
    np.testing.assert_array_equal(written("a\nb\udcff"), written("a?b?"))


def test_a_class_whose_name_cannot_be_written_has_its_number(system_fonts: SystemFonts) -> None:
    system_fonts()
    tile = Tile(np.zeros((50, 90, 3), np.uint8), np.array([[9, 20, 60, 40]], np.float32), np.array([1], np.int32))
    named, numbered = tile_grid([tile], ["a", f"b{NOWHERE}"]), tile_grid([tile], ["a"])
    np.testing.assert_array_equal(np.asarray(named), np.asarray(numbered))


def test_a_title_of_a_plot(system_fonts: SystemFonts, tmp_path: Path) -> None:
    system_fonts("DejaVuSerif.ttf")
    title = f"a{RARE[0]}{NOWHERE}"
    assert for_matplotlib(title) == (f"a{RARE[0]}?", ["DejaVu Sans", "DejaVu Serif"])
    plot_history([], tmp_path / "curve.png", title)  # Matplotlib warns of a letter that its font lacks
