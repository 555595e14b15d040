"""The page of an evaluation: what is on it, and that nothing that one may score makes it fail."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("jinja2")
pytest.importorskip("matplotlib")

from dali_ssd.metrics.analysis import Thresholds, analyze
from dali_ssd.metrics.verdicts import WRONG, Kind
from dali_ssd.pages.elements import Charts, Fold, Gallery, Matrix, Note, Share, Stats, Table
from dali_ssd.pages.page import page_html
from dali_ssd.records.dataset import Dataset
from dali_ssd.records.format.labels import build_label
from dali_ssd.reporting.evaluation.evaluation import Evaluation
from dali_ssd.reporting.evaluation.kinds import title_of
from dali_ssd.reporting.evaluation.page import _share, evaluation_page, write_evaluation
from dali_ssd.synthetic import write_shapes
from tests.support.detected import detected
from tests.support.elements import elements, notes, only
from tests.support.evaluated import evaluated
from tests.support.shards import random_boxes, random_record, write, write_random
from tests.support.worked import IMAGES
from tests.support.worked import NAMES as WORKED

NAMES = ("circle", "square", "triangle", "star")


@pytest.fixture(scope="module")
def shard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shapes(tmp_path_factory.mktemp("shapes"), "shapes", 24, seed=1)[0]


@pytest.fixture(scope="module")
def evaluation(shard: Path) -> Evaluation:
    return evaluated(shard, NAMES)


@pytest.fixture(scope="module")
def worked_shard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_random(tmp_path_factory.mktemp("worked"), len(IMAGES))[0]


@pytest.fixture(scope="module")
def worked(worked_shard: Path) -> Evaluation:
    return evaluated(worked_shard, WORKED, IMAGES)


def test_the_numbers_are_those_of_the_analysis(evaluation: Evaluation) -> None:
    page, analysis = evaluation_page(evaluation), evaluation.analysis
    table = only(Table, elements(page, "Errors"))
    kinds = analysis.kinds()
    assert table.head == ["class", "right", "badly placed", "another class", "duplicate", "background", "missed"]
    assert list(table.rows[0]) == ["all", *(kinds[kind] for kind in (Kind.RIGHT, *WRONG)), analysis.missed()]
    assert [row[0] for row in table.rows[1:]] == list(NAMES)
    rows = only(Table, elements(page, "Scores")).rows
    assert [row[2] for row in rows] == list(evaluation.scores.ap)
    assert len(only(Charts, elements(page, "Precision and recall")).charts) == len(NAMES)
    assert only(Matrix, elements(page, "Confusion of classes")).counts == analysis.confusion.tolist()


def test_the_numbers_are_those_by_hand(worked: Evaluation) -> None:
    page = evaluation_page(worked)
    stats = only(Stats, page.summary).numbers
    assert stats[-3:] == [
        ("57%", "of the objects are found", "from score 0.4 on"),  # 4 of 7
        ("29%", "of the detections are right", "from score 0.4 on"),  # 4 of 14
        ("7", "objects", "in 4 images"),
    ]
    assert only(Table, elements(page, "Errors")).rows == [
        ["all", 4, 1, 2, 1, 6, 3],
        ["a", 3, 1, 2, 0, 1, 2],
        ["b", 1, 0, 0, 1, 5, 1],
    ]
    table = only(Table, elements(page, "Scores"))
    assert table.head == ["class", "objects", "AP@0.5", "best F1", "at score", "precision", "recall"]
    assert [[*row[:2], *row[3:]] for row in table.rows] == [
        ["a", 5, pytest.approx(6 / 8), Decimal("0.72"), 3 / 3, 3 / 5],  # and a difficult one
        ["b", 2, pytest.approx(2 / 3), Decimal("0.97"), 1 / 1, 1 / 2],
    ]
    assert only(Table, elements(page, "Sizes")).rows == [["32 to 64", 7, Share(4 / 7), Share(5 / 7)]]
    [fold] = [element for element in elements(page, "Scores and certainty") if isinstance(element, Fold)]
    assert only(Table, fold.elements).rows[3:] == [
        ["0.3 to 0.4", 1, 0, Share(1)],
        ["0.4 to 0.5", 0, 3, Share(0)],
        ["0.5 to 0.6", 0, 3, Share(0)],
        ["0.6 to 0.7", 0, 2, Share(0)],
        ["0.7 to 0.8", 1, 1, Share(0.5)],
        ["0.8 to 0.9", 1, 1, Share(0.5)],
        ["0.9 to 1.0", 2, 0, Share(1)],
    ]


@pytest.mark.parametrize("kind", WRONG)
def test_errors_are_shown_with_their_record(evaluation: Evaluation, kind: Kind) -> None:
    total = evaluation.analysis.kinds()[kind]
    assert total, "of each kind there are some"
    pictures = only(Gallery, elements(evaluation_page(evaluation), title_of(kind))).pictures
    assert len(pictures) == min(total, 8)
    scores = [float(picture.caption.split()[1].rstrip(".,")) for picture in pictures]
    assert scores == sorted(scores, reverse=True) and scores[-1] >= 0.4
    assert all(re.search(r"\. shapes\.rec record \d+$", picture.caption) for picture in pictures)


def test_the_largest_objects_that_are_missed_come_first(evaluation: Evaluation) -> None:
    pictures = only(Gallery, elements(evaluation_page(evaluation), "Missed")).pictures
    sides = [int(re.findall(r", (\d+) pixels", picture.caption)[0]) for picture in pictures]
    assert len(sides) == min(evaluation.analysis.missed(), 8) and sides == sorted(sides, reverse=True)


def test_only_the_records_that_are_shown_are_read(shard: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    evaluation = evaluated(shard, NAMES)
    read: list[int] = []
    real = Dataset.read

    def counting(self: Dataset, i: int) -> Any:
        read.append(i)
        return real(self, i)

    monkeypatch.setattr(Dataset, "read", counting)
    page = evaluation_page(evaluation)
    shown = [
        only(Gallery, elements(page, title)).pictures
        for title in ["Badly placed", "Another class", "Duplicate", "Background", "Missed"]
    ]
    assert len(read) == sum(map(len, shown))


def test_names_are_texts(shard: Path) -> None:
    names = ("<script>alert(1)</script>", "a & b", "$x$ $", "`code` {{ 1 }}")
    html = page_html(evaluation_page(evaluated(shard, names)))
    assert "<script" not in html and "&lt;script&gt;" in html


def test_without_detections(shard: Path) -> None:
    empty = [detected([], [((10, 10, 90, 90), 1)]) for _ in range(24)]
    page = evaluation_page(evaluated(shard, NAMES, empty))
    assert notes(page.summary) == ["Nothing was found at all"]
    assert notes(elements(page, "Errors")) == ["No detection reaches score 0.4"]
    assert not {title_of(kind) for kind in WRONG} & {section.title for section in page.sections}
    assert notes(elements(page, "Scores and certainty")) == ["There are no detections"]
    assert len(only(Gallery, elements(page, "Missed")).pictures) == 8
    assert page_html(page)


def test_nothing_is_praised_where_nothing_is_found(shard: Path) -> None:
    """Without an error that is shown, all there is to say is that the score is too high."""
    unsure = [detected([((10, 10, 90, 90), 1, 0.3)], [((10, 10, 90, 90), 1)]) for _ in range(24)]
    for images in (unsure, [detected([], [])] * 24):
        sections = evaluation_page(evaluated(shard, NAMES, images)).sections
        said = [one for section in sections for one in section.elements if isinstance(one, Note)]
        assert [note.title for note in said if note.level == "good"] == []
        assert [note.title for note in said if "score 0.4" in note.title] == ["No detection reaches score 0.4"]
    page = evaluation_page(evaluated(shard, NAMES, unsure, Thresholds(min_score=0.3)))
    assert notes(elements(page, "Background")) == notes(elements(page, "Missed")) == ["There are none"]
    assert notes(elements(page, "Confusion of classes")) == ["No object is taken for one of another class"]


def test_rounding_contradicts_nothing(shard: Path) -> None:
    """An overlap of 0.497 is too small, and would be enough if it were the 0.50 that two digits make of it."""
    true = (0.0, 0.0, 100.0, 100.0)
    images = [detected([((0, 0, 49.2, 100), 0, 0.9)], [(true, 0)])] + [detected([(true, 0, 0.9)], [(true, 0)])] * 23
    page = evaluation_page(evaluated(shard, NAMES, images))
    [picture] = only(Gallery, elements(page, "Badly placed")).pictures
    assert ", IoU 0.497." in picture.caption


def test_only_all_is_100_percent() -> None:
    assert [_share(*one) for one in ((0, 0), (0, 9), (1, 999), (5, 10), (998, 999), (9, 9))] == [
        "-", "0%", "below 1%", "50%", "99%", "100%",
    ]  # fmt: skip


def test_without_objects(shard: Path) -> None:
    page = evaluation_page(evaluated(shard, NAMES, [detected([((10, 10, 90, 90), 1, 0.9)], []) for _ in range(24)]))
    assert notes(elements(page, "Precision and recall")) == notes(elements(page, "Sizes")) == ["No object counts"]
    assert len(only(Gallery, elements(page, "Background")).pictures) == 8
    assert page_html(page)


def test_with_neither(shard: Path) -> None:
    assert page_html(evaluation_page(evaluated(shard, NAMES, [detected([], [])] * 24)))


def test_one_class(tmp_path: Path) -> None:
    write(tmp_path, [(_of_one_class(n), random_record(np.random.default_rng(n))[1]) for n in range(6)])
    page = evaluation_page(evaluated(tmp_path / "s.rec", ["cell"]))
    assert [row[0] for row in only(Table, elements(page, "Errors")).rows] == ["cell"]
    assert notes(elements(page, "Confusion of classes")) == ["No object is taken for one of another class"]
    assert page_html(page)


def test_of_many_classes_the_matrix_has_those_that_are_mistaken(tmp_path: Path) -> None:
    names = [f"a class with number {n}" for n in range(25)]
    box = (10.0, 10.0, 90.0, 90.0)
    images = [detected([(box, 7, 0.9)], [(box, 20)]), *(detected([(box, n, 0.9)], [(box, n)]) for n in range(25))]
    shard = write(tmp_path, [random_record(np.random.default_rng(n)) for n in range(26)])[0]
    page = evaluation_page(evaluated(shard, names, images))
    found = elements(page, "Confusion of classes")
    matrix, table = only(Matrix, found), only(Table, found)
    assert {names[7], names[20]} <= set(matrix.rows) and len(matrix.rows) == len(matrix.columns) == 18
    assert (matrix.columns[-2:], matrix.rows[-2:]) == (["others", "missed"], ["others", "background"])
    assert sum(map(sum, matrix.counts)) == 26 and matrix.counts[-2][-2] == 9
    assert [list(row)[:3] for row in table.rows] == [[names[20], names[7], 1]]
    curves = elements(page, "Precision and recall")
    assert len(only(Charts, curves).charts) == 9 and only(Fold, curves).summary == "16 classes more"


def test_another_threshold_is_advised_if_it_is_much_better(shard: Path) -> None:
    box = (10.0, 10.0, 90.0, 90.0)
    unsure = [detected([(box, 0, 0.299)], [(box, 0)]) for _ in range(24)]
    [note] = [one for one in evaluation_page(evaluated(shard, NAMES, unsure)).summary if isinstance(one, Note)]
    assert note.command == "--min-score 0.29" and "0.00 at 0.4, and 1.00 at 0.29" in note.text
    at_best = evaluated(shard, NAMES, unsure, Thresholds(min_score=0.29))
    assert notes(evaluation_page(at_best).summary) == []


@pytest.mark.parametrize(("min_score", "advised"), [(0.4, 1), (0.62, 1), (0.65, 0), (0.72, 0)])
def test_a_threshold_that_is_nearly_as_good_is_left_alone(worked_shard: Path, min_score: float, advised: int) -> None:
    """The best F1 is 8/13; from 0.62 on it is 8/15, which is 87 % of it, and from 0.65 on 8/14, which is 93 %."""
    evaluation = evaluated(worked_shard, WORKED, IMAGES, Thresholds(min_score=min_score))
    assert notes(evaluation_page(evaluation).summary) == ["This network is better used at score 0.72"] * advised


@pytest.mark.parametrize(("right", "wrong", "command"), [(0.299, 0.291, "0.298"), (0.0099, 0.009, "0.0098")])
def test_what_is_advised_holds(shard: Path, right: float, wrong: float, command: str) -> None:
    """Rounded to two digits, the threshold would let in all of the wrong detections."""
    box = (10.0, 10.0, 90.0, 90.0)
    unsure = [detected([(box, 0, right), *[((200, 200, 230, 230), 0, wrong)] * 10], [(box, 0)]) for _ in range(24)]
    evaluation = evaluated(shard, NAMES, unsure)
    page = evaluation_page(evaluation)
    note = only(Note, page.summary)
    assert note.command == f"--min-score {command}" and f"1.00 at {command}." in note.text
    assert analyze(unsure, NAMES, Thresholds(min_score=float(command))).f1 == 1
    assert only(Table, elements(page, "Scores")).rows[0][4] == Decimal(command)
    assert f"score {command}" in only(Charts, elements(page, "Precision and recall")).charts[0].caption


def test_doubtful_labels_are_told(shard: Path) -> None:
    outside = [detected([], [((400, 10, 500, 90), 0)])] * 24
    page = evaluation_page(evaluated(shard, NAMES, outside))
    assert notes(page.summary)[0] == "Some labels are doubtful"
    assert len(only(Gallery, elements(page, "Missed")).pictures) == 8


def test_records_that_have_become_bad_are_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    shard = write_shapes(tmp_path, "shapes", 8, seed=1)[0]
    evaluation = evaluated(shard, NAMES)
    shard.write_bytes(b"\0" * shard.stat().st_size)
    write_evaluation(tmp_path / "page.html", evaluation)
    assert "pictures could not be drawn" in (tmp_path / "page.html").read_text(encoding="utf-8")
    assert all(re.match(r"not drawn: .*shapes\.rec, byte \d+", message) for message in caplog.messages)


def _of_one_class(seed: int) -> Any:
    return build_label(random_boxes(np.random.default_rng(seed), 3), np.zeros(3, int))
