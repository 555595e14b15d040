"""Texts in pictures without Matplotlib, where the font of Pillow is all there is."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageDraw

from dali_ssd.visualize import lettering
from dali_ssd.visualize.lettering import Lettering

FOREIGN = "\N{CYRILLIC SMALL LETTER ZHE}"


@pytest.fixture(autouse=True)
def without_matplotlib(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    lettering._missing_in_pillow.cache_clear()
    yield
    lettering._missing_in_pillow.cache_clear()


def written(text: str) -> npt.NDArray[np.uint8]:
    picture = Image.new("RGB", (200, 30))
    Lettering([text, "?"], 13).write(ImageDraw.Draw(picture), (3, 3), text, (255, 255, 255))
    return np.asarray(picture)


def test_english_is_written(caplog: pytest.LogCaptureFixture) -> None:
    for text in ("dog 0.95", "class\N{HORIZONTAL ELLIPSIS}0123456789.", "a\u200cb", ""):
        assert Lettering([text], 13).has(text)
    assert Lettering(["dog"], 13).width("dog") > 0
    assert (written("dog") != written("cat")).any()
    assert not caplog.records


def test_other_letters_are_question_marks_and_what_brings_them_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            assert not Lettering(["dog", FOREIGN], 13).has(FOREIGN)
    assert len(caplog.records) == 1
    assert f"no font here has the letters {FOREIGN}: " in caplog.text
    assert "pip install 'dali-ssd[pictures]'" in caplog.text
    np.testing.assert_array_equal(written(f"a{FOREIGN}b"), written("a?b"))
