"""What a network of torchvision's kind finds, as the metrics take it."""

from __future__ import annotations

from typing import Any

import pytest

torch: Any = pytest.importorskip("torch")

from dali_ssd.metrics.scores import score  # noqa: E402
from dali_ssd.torch import ValLoader, detections  # noqa: E402


def test_the_truth_itself_has_a_score_of_one(shard: Any) -> None:
    """Class ids count from 0, labels from 1; and a class that is one off finds nothing."""
    with ValLoader(shard, batch_size=4, data_shape=64, num_threads=2) as loader:
        right, wrong = [], []
        for _, targets in loader:
            sure = [{**target, "scores": torch.ones(len(target["labels"]))} for target in targets]
            right += detections(sure, targets)
            wrong += detections([{**each, "labels": each["labels"] % 3 + 1} for each in sure], targets)
    assert score(right, ("a", "b", "c"), 64, ()).mean_ap == pytest.approx(1)
    assert score(wrong, ("a", "b", "c"), 64, ()).mean_ap < 0.2


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_of_a_network_with_gradients_and_half_precision(dtype: Any) -> None:
    boxes = torch.tensor([[1.0, 2, 3, 4]], dtype=dtype, requires_grad=True)
    found = {"boxes": boxes, "labels": torch.tensor([2]), "scores": torch.tensor([0.5], dtype=dtype)}
    none = {"boxes": torch.zeros((0, 4)), "labels": torch.zeros(0, dtype=torch.int64)}
    [image] = detections([found], [none])
    assert (image.class_ids.tolist(), image.scores.tolist(), image.boxes.tolist()) == ([1], [0.5], [[1, 2, 3, 4]])
    assert image.true_boxes.shape == (0, 4)
    assert [str(each.dtype) for each in (image.boxes, image.true_ids)] == ["float32", "int32"]


def test_other_images_than_the_targets_are_refused() -> None:
    with pytest.raises(ValueError, match="argument 2 is shorter"):
        detections([{}], [])
