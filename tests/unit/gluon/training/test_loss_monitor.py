from __future__ import annotations

from dataclasses import dataclass, field

import pytest

pytest.importorskip("mxnet")

import mxnet as mx

from dali_ssd.errors import RecordLocation, TrainingError
from dali_ssd.gluon.training.loss_monitor import LossMonitor


@dataclass
class Named:
    places: list[RecordLocation] = field(default_factory=list)

    def records(self) -> list[RecordLocation]:
        return self.places


def losses(cross_entropy: float, smooth_l1: float, highest: float = 1) -> list[mx.nd.NDArray]:
    return [mx.nd.array([cross_entropy, smooth_l1, highest])]


def test_losses_come_one_step_late() -> None:
    seen: list[tuple[float, float]] = []
    monitor = LossMonitor(lambda *values: seen.append(values), classes=2)
    monitor.push(1, 0.1, losses(1, 2), Named())
    assert seen == []
    monitor.push(2, 0.1, losses(3, 4), Named())
    assert seen == [(1, 2)]
    monitor.flush()
    monitor.flush()
    assert seen == [(1, 2), (3, 4)]


def test_devices_add_up() -> None:
    seen: list[tuple[float, float]] = []
    monitor = LossMonitor(lambda *values: seen.append(values), classes=2)
    monitor.push(1, 0.1, losses(1, 2) + losses(3, 4, highest=2), Named())
    monitor.flush()
    assert seen == [(4, 6)]


@pytest.mark.parametrize(("cross_entropy", "smooth_l1"), [(float("nan"), 1), (1, float("inf")), (-float("inf"), 1)])
def test_a_loss_that_is_not_finite_names_step_rate_and_records(cross_entropy: float, smooth_l1: float) -> None:
    monitor = LossMonitor(lambda *values: None, classes=2)
    monitor.push(
        7, 0.25, losses(cross_entropy, smooth_l1), Named([RecordLocation(key=3), RecordLocation(key=8, offset=64)])
    )
    with pytest.raises(TrainingError) as caught:
        monitor.push(8, 0.5, losses(1, 1), Named())
    message = str(caught.value)
    assert "step 7" in message
    assert "lr=0.25" in message
    assert "record 3; record 8, byte 64" in message


def test_many_records_are_cut_short() -> None:
    monitor = LossMonitor(lambda *values: None, classes=2)
    monitor.push(1, 0.1, losses(float("nan"), 1), Named([RecordLocation(key=key) for key in range(100)]))
    with pytest.raises(TrainingError, match=r"record 63 and 36 more$"):
        monitor.flush()


def test_a_loader_that_names_no_records_will_do() -> None:
    monitor = LossMonitor(lambda *values: None, classes=2)
    monitor.push(1, 0.1, losses(float("nan"), 1), object())
    with pytest.raises(TrainingError, match="does not name them"):
        monitor.flush()


def test_a_class_that_the_network_does_not_have_stops() -> None:
    monitor = LossMonitor(lambda *values: None, classes=2)
    monitor.push(1, 0.1, losses(1, 1, highest=2), Named())
    monitor.flush()
    monitor.push(2, 0.1, losses(1, 1, highest=3), Named([RecordLocation(key=5)]))
    with pytest.raises(TrainingError, match=r"class id 2 at step 2 is beyond the 2 class names.* record 5"):
        monitor.flush()
