from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

pytest.importorskip("mxnet")

import mxnet as mx

from dali_ssd.errors import DatasetError
from dali_ssd.gluon.evaluate import detect, evaluate, join
from dali_ssd.gluon.networks.zoo import build_network, for_training, initialize
from dali_ssd.metrics.scores import Truth

SIDE = 128
BOX, OTHER = (10, 10, 60, 60), (70, 70, 120, 126)
PAD = (-1,) * 6


@dataclass
class ValBatch:
    data: list[Any]
    labels: list[Any]


class Oracle:
    """A network that finds what it is told to; the image's first pixel says which answer."""

    def __init__(self, answers: Sequence[Sequence[tuple[float, ...]]]) -> None:
        self.answers = answers
        self.calls: list[str] = []

    def set_nms(self, nms_thresh: float, nms_topk: int) -> None:
        self.calls.append(f"nms {nms_thresh} {nms_topk}")

    def hybridize(self, **options: Any) -> None:
        self.calls.append("hybridize")

    def __call__(self, data: Any) -> tuple[Any, Any, Any]:
        rows = [self.answers[int(image[0, 0, 0])] for image in data.asnumpy()]
        length = max(len(row) for row in rows) + 1
        table = np.array([list(row) + [PAD] * (length - len(row)) for row in rows], np.float32)
        ids, scores, boxes = (mx.nd.array(part) for part in (table[..., 4:5], table[..., 5:6], table[..., :4]))
        return ids, scores, boxes


def batch(first: int, *labels: list[tuple[float, ...]], devices: int = 1) -> ValBatch:
    length = max((len(rows) for rows in labels), default=0) + 1
    table = np.array([list(rows) + [PAD] * (length - len(rows)) for rows in labels], np.float32)
    images = np.zeros((len(labels), 3, 4, 4), np.float32)
    images[:, 0, 0, 0] = np.arange(first, first + len(labels))
    parts = np.array_split(np.arange(len(labels)), devices)
    return ValBatch([mx.nd.array(images[part]) for part in parts], [mx.nd.array(table[part]) for part in parts])


def test_perfect_detections() -> None:
    net = Oracle([[(*BOX, 0, 0.9)], [(*BOX, 1, 0.8), (*OTHER, 0, 0.7)]])
    batches = [batch(0, [(*BOX, 0, 0)], [(*BOX, 1, 0), (*OTHER, 0, 0)])]
    scores = evaluate(net, batches, ["a", "b"], SIDE)
    assert scores.images == 2
    assert scores.ap == pytest.approx((1, 1))
    assert scores.mean_ap == pytest.approx(1)
    assert scores.coco["AP"] == pytest.approx(1)
    assert scores.lines()[2:4] == ["mAP=1.000", "COCO AP=1.000"]
    assert {"map": scores.mean_ap, "coco_ap": scores.coco["AP"]}.items() <= scores.numbers().items()
    assert sorted(net.calls) == ["hybridize", "nms 0.45 400"]


def test_short_last_batches_and_devices_count_every_image_once() -> None:
    net = Oracle([[(*BOX, 0, 0.9)], [(*BOX, 0, 0.8)], [(*BOX, 0, 0.95)], [(*BOX, 0, 0.7)], [(*BOX, 0, 0.6)]])
    batches = [
        batch(0, [(*BOX, 0, 0)], [(*BOX, 0, 0)], [], [(*BOX, 0, 0)], devices=2),
        batch(4, [(*BOX, 0, 0)]),
    ]
    scores = evaluate(net, batches, ["a"], SIDE, ())
    assert scores.images == 5
    # Four of five detections are right, and the wrong one is the surest.
    assert scores.mean_ap == pytest.approx(0.8)
    assert scores.coco == {}
    assert [line.split("=")[0] for line in scores.lines()] == ["a", "mAP"]


def test_difficult_objects_count_for_nothing() -> None:
    found = [[(*BOX, 0, 0.9)]]
    hard = evaluate(Oracle(found), [batch(0, [(*BOX, 0, 0), (*OTHER, 0, 1)])], ["a"], SIDE)
    easy = evaluate(Oracle(found), [batch(0, [(*BOX, 0, 0), (*OTHER, 0, 0)])], ["a"], SIDE)
    assert hard.mean_ap == pytest.approx(1)
    assert easy.mean_ap < 0.6
    assert hard.coco["AP"] > easy.coco["AP"]


def test_boxes_are_clipped_to_the_image() -> None:
    net = Oracle([[(-50, -50, 300, 300, 0, 0.9)]])
    [[(device, [found])]] = list(detect(net, [batch(0, [(0, 0, SIDE, SIDE, 0, 0)])], SIDE))
    assert found.boxes.tolist() == [[0, 0, SIDE, SIDE]] and device == mx.cpu()


@pytest.mark.parametrize("parts", [((0, 1, 2), (3, 4)), ((0, 1), (2, 3, 4))], ids=["second", "first"])
def test_images_are_in_the_order_of_the_records_whichever_device_ends_early(parts: tuple[tuple[int, ...], ...]) -> None:
    """Each device has its own part of the records, one image a batch."""
    batches = []
    for step in range(3):
        there = [(device, part[step]) for device, part in enumerate(parts) if step < len(part)]
        one = [(device, batch(number, [(*BOX, 0, 0)] * (number + 1))) for device, number in there]
        on = [
            [getattr(alone, name)[0].as_in_context(mx.cpu(device)) for device, alone in one]
            for name in ("data", "labels")
        ]
        batches.append(ValBatch(*on))
    found = join(detect(Oracle([[(*BOX, 0, 0.1 * number)] for number in range(5)]), batches, SIDE), 1)
    assert [len(image.true_ids) for image in found] == [1, 2, 3, 4, 5]
    assert [round(float(image.scores[0]), 1) for image in found] == [0.0, 0.1, 0.2, 0.3, 0.4]


@pytest.mark.parametrize("labels", [[], [(*BOX, 0, 1)]])
def test_without_objects_there_is_no_mean(labels: list[tuple[float, ...]]) -> None:
    scores = evaluate(Oracle([[(*BOX, 0, 0.9)]]), [batch(0, labels)], ["a", "b"], SIDE)
    assert all(math.isnan(value) for value in (*scores.ap, scores.mean_ap, scores.coco["AP"]))


def test_without_batches_there_is_no_mean() -> None:
    assert math.isnan(evaluate(Oracle([]), [], ["a"], SIDE).mean_ap)


def test_a_class_without_objects_is_left_out_of_the_mean() -> None:
    scores = evaluate(Oracle([[(*BOX, 0, 0.9)]]), [batch(0, [(*BOX, 0, 0)])], ["a", "b"], SIDE)
    assert math.isnan(scores.ap[1])
    assert scores.mean_ap == pytest.approx(1)


@pytest.mark.parametrize(
    ("labels", "reason"),
    [([], "no objects"), ([(*BOX, 0, 1), (*OTHER, 0, 1)], "difficult objects only: 2")],
)
def test_a_score_that_is_no_number_has_a_reason(labels: list[tuple[float, ...]], reason: str) -> None:
    lines = evaluate(Oracle([[(*BOX, 0, 0.9)]]), [batch(0, labels)], ["a", "b"], SIDE).lines()
    assert lines[:4] == [f"a=nan ({reason})", "b=nan (no objects)", f"mAP=nan ({reason})", f"COCO AP=nan ({reason})"]


def test_without_images_too() -> None:
    assert evaluate(Oracle([]), [], ["a"], SIDE, ()).lines() == ["a=nan (no objects)", "mAP=nan (no objects)"]


def test_objects_that_nobody_can_find_are_counted() -> None:
    outside, over, hard = (SIDE, 0, SIDE + 9, 9, 0, 0), (-5, -5, 50, 50, 0, 0), (SIDE, 0, SIDE + 9, 9, 0, 1)
    truth = evaluate(Oracle([[], []]), [batch(0, [outside, over, hard], [(*BOX, 1, 0)])], ["a", "b"], SIDE).truth
    assert truth == Truth(objects=(3, 1), difficult=(1, 0), outside=1)
    assert truth.notes()[0].startswith("1 object outside of the image: never matched")


def test_sound_objects_need_no_word() -> None:
    assert evaluate(Oracle([[]]), [batch(0, [(*BOX, 0, 0)])], ["a"], SIDE).truth.notes() == []


def test_a_class_id_without_a_name() -> None:
    with pytest.raises(DatasetError, match=r"class id 2, beyond the 2 class names; see --classes"):
        evaluate(Oracle([[]]), [batch(0, [(*BOX, 2, 0)])], ["a", "b"], SIDE)


def test_labels_without_the_difficult_column() -> None:
    plain = batch(0, [(*BOX, 0, 0)])
    plain.labels = [labels[:, :, :5] for labels in plain.labels]
    assert evaluate(Oracle([[(*BOX, 0, 0.9)]]), [plain], ["a"], SIDE).mean_ap == pytest.approx(1)


def test_a_real_network_in_turns_with_training() -> None:
    net = build_network("mobilenet0.25", SIDE, ["a", "b"])
    initialize(net, [mx.cpu()], SIDE)

    def batches() -> Iterator[ValBatch]:
        for count in (2, 1):
            data = mx.nd.random.normal(shape=(count, 3, SIDE, SIDE))
            yield ValBatch([data], [mx.nd.array([[(*BOX, 0, 0), PAD]] * count)])

    for _ in range(2):
        for_training(net)
        with mx.autograd.record():
            assert len(net(mx.nd.zeros((2, 3, SIDE, SIDE)))) == 3
        scores = evaluate(net, batches(), ["a", "b"], SIDE)
        assert scores.images == 3
        assert 0 <= scores.mean_ap <= 1
