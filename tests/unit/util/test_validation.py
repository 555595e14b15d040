from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from dali_ssd.util.validation import check_ending


@pytest.mark.parametrize("path", ["", None, "a.png", "b/A.JPG", Path("a.b.png")])
def test_a_name_with_the_right_ending_or_none_will_do(path: object) -> None:
    assert check_ending(SimpleNamespace(out=path), "out", ".png", ".jpg") == []


@pytest.mark.parametrize("path", ["a.rec", "a", ".png", Path("a.png.rec"), "a.png/b"])
def test_other_kinds_of_files_are_refused(path: str | Path) -> None:
    options = SimpleNamespace(out=path)
    (fault,) = check_ending(options, "out", ".png", ".jpg", ".jpeg")
    assert fault == f"out must be a name that ends in .png, .jpg or .jpeg, not {str(path)!r}"
    assert check_ending(options, "out", ".html") == [f"out must be a name that ends in .html, not {str(path)!r}"]
