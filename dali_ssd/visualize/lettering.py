"""Texts in pictures: each letter in a font that has it, with a warning if no font of the machine does.

The font that Matplotlib brings along has most alphabets, but no Chinese, Japanese or Korean, and no Hindi or Thai. For
these a font of the system is searched. Without Matplotlib there is only the font of Pillow, which has the letters of
English.
"""

from __future__ import annotations

import functools
import logging
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path
from typing import Any, TypeAlias, cast

from PIL import ImageDraw, ImageFont

from dali_ssd.util.optional import require

__all__ = ["Lettering", "for_matplotlib", "labels_for_matplotlib"]

_log = logging.getLogger(__name__)

Letters: TypeAlias = frozenset[str]

_EAST_ASIAN = ("CJK", "HIRAGANA", "KATAKANA", "HANGUL", "BOPOMOFO")
"""Beginnings of Unicode's names of letters that `fonts-noto-cjk` has."""
_STYLES = ("bold", "italic", "oblique", "light", "thin", "black", "serif", "mono", "condensed")
"""Words in file names of fonts that are taken only if no plain one has the letters."""
_CLAIMS_ALL = "lastresort"
"""In the names of fonts that have a box for every letter."""
_NO_LETTER = "\uffff"
"""A character that no font has."""


class Lettering:
    """Writes texts that have only letters of `texts`; logs once which of these no font has.

    A letter that cannot be written becomes a question mark.
    """

    def __init__(self, texts: Iterable[str], size: int) -> None:
        self.size = size
        """Of the letters in pixels."""
        letters = frozenset(_spelled("".join(texts)))
        if find_spec("matplotlib"):
            paths, self._missing = _fonts_for(letters)
            self._fonts = [(ImageFont.truetype(str(path), size), _letters_of(path)) for path in paths]
        else:
            self._missing = _missing_in_pillow(letters)
            self._fonts = [(_font_of_pillow(size), letters - self._missing)]

    def has(self, text: str) -> bool:
        """Return whether all of a text can be written."""
        return self._missing.isdisjoint(text)

    def width(self, text: str) -> float:
        """Return the width of a text in pixels."""
        return sum(font.getlength(part) for font, part in self._parts(text))

    def shortened(self, text: str, width: float) -> str:
        """Return a text that fits; the beginning of a longer one is cut, since the end of a path tells more."""
        if self.width(text) <= width:
            return text
        while text and self.width("…" + text) > width:
            text = text[1:]
        return "…" + text

    def write(self, canvas: ImageDraw.ImageDraw, at: tuple[float, float], text: str, ink: tuple[int, int, int]) -> None:
        """Write a text, its upper left corner at `at`."""
        x, baseline = at[0], at[1] + self._fonts[0][0].getmetrics()[0]
        for font, part in self._parts(text):
            canvas.text((x, baseline), part, fill=ink, font=font, anchor="ls")
            x += font.getlength(part)

    def _parts(self, text: str) -> Iterator[tuple[ImageFont.FreeTypeFont, str]]:
        """Divide a text among the fonts."""
        writable = ("?" if letter in self._missing else letter for letter in _spelled(text))
        for number, part in groupby(writable, self._number_of_font):
            yield self._fonts[number][0], "".join(part)

    def _number_of_font(self, letter: str) -> int:
        return next((number for number, (_, letters) in enumerate(self._fonts) if letter in letters), 0)


def for_matplotlib(text: str) -> tuple[str, list[str]]:
    """Return a text as far as it can be written, and the font families that Matplotlib is to write it with."""
    paths, missing = _fonts_for(frozenset(_spelled(text)))
    writable = "".join("?" if letter in missing else letter for letter in _spelled(text))
    return writable, [_family(path) for path in paths]


def labels_for_matplotlib(names: Iterable[str]) -> tuple[list[str], dict[str, Any]]:
    """Return names as labels, and the properties of their texts: fonts that have their letters, and no formulas.

    A label that begins with a line would be hidden by Matplotlib.
    """
    labels, fonts = [], dict[str, None]()
    for name in names:
        label, families = for_matplotlib(name)
        labels.append(f" {label}" if label.startswith("_") else label)
        fonts |= dict.fromkeys(families)
    return labels, {"fontfamily": list(fonts), "parse_math": False}


def _font_of_pillow(size: int) -> ImageFont.FreeTypeFont:
    return cast("ImageFont.FreeTypeFont", ImageFont.load_default(size))


@functools.cache
def _missing_in_pillow(letters: Letters) -> Letters:
    """Find which of these letters Pillow's font lacks: it draws all of them as the same box."""
    font = _font_of_pillow(20)
    box = bytes(font.getmask(_NO_LETTER))
    missing = frozenset(
        letter for letter in letters if not _is_invisible(letter) and bytes(font.getmask(letter)) == box
    )
    if missing:
        _log.warning("%s; more letters: pip install 'dali-ssd[pictures]'", _lack(missing))
    return missing


def _system_fonts() -> list[str]:
    """Return the paths of the fonts of this machine."""
    return list(require("matplotlib.font_manager").findSystemFonts())


def _spelled(text: str) -> str:
    """Replace by question marks what is not a letter, such as a line's end or half a character of a damaged name."""
    return "".join(letter if letter.isprintable() or _is_invisible(letter) else "?" for letter in text)


def _is_invisible(letter: str) -> bool:
    """Return whether a letter only says how its neighbors are written."""
    return unicodedata.category(letter) == "Cf"


@functools.cache
def _fonts_for(letters: Letters) -> tuple[Sequence[Path], Letters]:
    """Return paths of fonts that together have these letters, the usual one first, and the letters that none has."""
    usual = _usual_font()
    fonts = [usual]
    missing = frozenset(letter for letter in letters - _letters_of(usual) if not _is_invisible(letter))
    # Looking through the system's fonts takes a moment, which most names need not wait for.
    others = sorted((Path(path) for path in _system_fonts()), key=_rank) if missing else []
    while missing and others:
        best = max(others, key=lambda path: len(missing & _letters_of(path)))
        if missing.isdisjoint(_letters_of(best)):
            break
        fonts.append(best)
        missing -= _letters_of(best)
    if missing:
        _log.warning("%s", _advice(missing))
    return fonts, missing


def _rank(path: Path) -> tuple[int, str]:
    """Return a sort key: plain fonts first, and always in the same order."""
    name = path.name.lower()
    return sum(style in name for style in _STYLES), str(path)


@functools.cache
def _letters_of(path: Path) -> Letters:
    """Return the letters that a font has an outline for; none if it cannot be read."""
    if _CLAIMS_ALL in path.name.lower():
        return frozenset()
    try:
        font = require("matplotlib.ft2font").FT2Font(str(path))
    except (OSError, RuntimeError):
        return frozenset()
    # Pillow writes only some sizes of bitmap fonts.
    return frozenset(map(chr, font.get_charmap())) if font.scalable else frozenset()


@functools.cache
def _family(path: Path) -> str:
    """Add a font to Matplotlib's list, which may be older than the font, and return its family."""
    require("matplotlib.font_manager").fontManager.addfont(str(path))
    return str(require("matplotlib.ft2font").FT2Font(str(path)).family_name)


def _advice(missing: Letters) -> str:
    packages = " ".join(sorted({_package(letter) for letter in missing}))
    return f"{_lack(missing)}; on Debian or Ubuntu run: apt-get install -y {packages}"


def _lack(missing: Letters) -> str:
    some = " ".join(sorted(missing)[:10]) + (" ..." if len(missing) > 10 else "")
    return (
        f"no font here has the letters {some}: classes with such names are drawn by their numbers, elsewhere question "
        "marks stand for them"
    )


def _package(letter: str) -> str:
    """Return the name of the Debian package that brings a font with a letter."""
    if unicodedata.name(letter, "").startswith(_EAST_ASIAN):
        return "fonts-noto-cjk"
    return "fonts-noto-core" if unicodedata.category(letter)[0] in "LMN" else "fonts-symbola"


def _usual_font() -> Path:
    # Matplotlib brings a font along; a bare machine has none.
    return Path(require("matplotlib").get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
