from __future__ import annotations

from dataclasses import dataclass, field

import pytest

pytest.importorskip("mxnet")

import mxnet as mx

from dali_ssd.errors import Place, TrainingError
from dali_ssd.gluon.training.loss_monitor import LossWatch


@dataclass
class Named:
    places: list[Place] = field(default_factory=list)

    def records(self) -> list[Place]:
        return self.places


def losses(cross_entropy: float, smooth_l1: float, highest: float = 1) -> list[mx.nd.NDArray]:
    return [mx.nd.array([cross_entropy, smooth_l1, highest])]


def test_losses_come_one_step_late() -> None:
    seen: list[tuple[float, float]] = []
    watch = LossWatch(lambda *values: seen.append(values), classes=2)
    watch.push(1, 0.1, losses(1, 2), Named())
    assert seen == []
    watch.push(2, 0.1, losses(3, 4), Named())
    assert seen == [(1, 2)]
    watch.flush()
    watch.flush()
    assert seen == [(1, 2), (3, 4)]


def test_devices_add_up() -> None:
    seen: list[tuple[float, float]] = []
    watch = LossWatch(lambda *values: seen.append(values), classes=2)
    watch.push(1, 0.1, losses(1, 2) + losses(3, 4, highest=2), Named())
    watch.flush()
    assert seen == [(4, 6)]


@pytest.mark.parametrize(("cross_entropy", "smooth_l1"), [(float("nan"), 1), (1, float("inf")), (-float("inf"), 1)])
def test_a_loss_that_is_not_finite_names_step_rate_and_records(cross_entropy: float, smooth_l1: float) -> None:
    watch = LossWatch(lambda *values: None, classes=2)
    watch.push(7, 0.25, losses(cross_entropy, smooth_l1), Named([Place(key=3), Place(key=8, offset=64)]))
    with pytest.raises(TrainingError) as caught:
        watch.push(8, 0.5, losses(1, 1), Named())
    message = str(caught.value)
    assert "step 7" in message
    assert "lr=0.25" in message
    assert "record 3; record 8, byte 64" in message


def test_many_records_are_cut_short() -> None:
    watch = LossWatch(lambda *values: None, classes=2)
    watch.push(1, 0.1, losses(float("nan"), 1), Named([Place(key=key) for key in range(100)]))
    with pytest.raises(TrainingError, match=r"record 63 and 36 more$"):
        watch.flush()


def test_a_loader_that_names_no_records_will_do() -> None:
    watch = LossWatch(lambda *values: None, classes=2)
    watch.push(1, 0.1, losses(float("nan"), 1), object())
    with pytest.raises(TrainingError, match="does not name them"):
        watch.flush()


def test_a_class_that_the_network_does_not_have_stops() -> None:
    watch = LossWatch(lambda *values: None, classes=2)
    watch.push(1, 0.1, losses(1, 1, highest=2), Named())
    watch.flush()
    watch.push(2, 0.1, losses(1, 1, highest=3), Named([Place(key=5)]))
    with pytest.raises(TrainingError, match=r"class id 2 at step 2 is beyond the 2 class names.* record 5"):
        watch.flush()
