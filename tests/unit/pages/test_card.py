from __future__ import annotations

from dali_ssd.pages.card import card_html
from dali_ssd.pages.elements import Picture

NASTY = "<script>alert('&')</script>"


def test_a_card_has_facts_a_picture_and_remarks() -> None:
    shown = card_html("Thing", {"a": 1}, Picture("data:image/jpeg;base64,AA", 1, 1, "dots"), ["more is missing"])
    assert shown.startswith("<div><b>Thing</b><table ") and shown.endswith("<div>more is missing</div></div>")
    assert 'alt="dots"' in shown and 'src="data:image/jpeg;base64,AA"' in shown


def test_a_title_alone_will_do() -> None:
    assert card_html("Thing", {}, None, []) == "<div><b>Thing</b></div>"


def test_all_texts_are_escaped() -> None:
    shown = card_html(NASTY, {NASTY: NASTY}, Picture("data:,", 1, 1, NASTY), [NASTY])
    assert "<script" not in shown and shown.count("&lt;script&gt;") == 5
