"""The matrix of many classes has those that are mistaken: for others, and by others."""

from __future__ import annotations

from dali_ssd.metrics.analysis import Thresholds, analyze
from dali_ssd.pages.elements import Matrix, Table
from dali_ssd.reporting.evaluation.confusion import confusion_elements
from tests.support.detected import detected
from tests.support.elements import only

BOX = (10, 10, 59, 59)
NAMES = [f"class {number}" for number in range(25)]


def test_classes_with_fewer_objects_are_in_the_matrix_if_they_are_mistaken() -> None:
    """Two objects of every class are found, but there is one of 23, which is taken for 24, of which there is none."""
    right = [detected([(BOX, number, 0.9)], [(BOX, number)]) for number in range(23) for _ in range(2)]
    found = confusion_elements(analyze([*right, detected([(BOX, 24, 0.9)], [(BOX, 23)])], NAMES, Thresholds()))
    matrix = only(Matrix, found)
    assert list(matrix.rows) == [*NAMES[:14], *NAMES[23:], "others", "background"]
    assert list(matrix.columns) == [*NAMES[:14], *NAMES[23:], "others", "missed"]
    assert matrix.counts[14:] == [[0] * 15 + [1, 0, 0], [0] * 18, [0] * 16 + [18, 0], [0] * 18]
    assert matrix.shares[14][15] == 1
    assert [list(row)[:3] for row in only(Table, found).rows] == [["class 23", "class 24", 1]]


def test_rows_are_objects_and_columns_what_is_found() -> None:
    far = (200, 200, 249, 249)
    images = [detected([(BOX, 1, 0.9)], [(BOX, 0)])] * 2 + [detected([(far, 1, 0.9)], [(BOX, 1)])] * 3
    matrix = only(Matrix, confusion_elements(analyze(images, ["a", "b"], Thresholds())))
    assert (list(matrix.rows), list(matrix.columns)) == (["a", "b", "background"], ["a", "b", "missed"])
    assert matrix.counts == [[0, 2, 0], [0, 0, 3], [0, 3, 0]]
