from __future__ import annotations

import pytest

from dali_ssd.errors import ConfigError
from dali_ssd.gluon.training.schedule import decays_due, parse_decay_epochs, warm_up


def test_epochs_are_sorted_and_blanks_left_out() -> None:
    assert parse_decay_epochs("200, 160,") == (160.0, 200.0)
    assert parse_decay_epochs("") == ()


def test_what_is_no_number_is_echoed() -> None:
    with pytest.raises(ConfigError, match="'160;200'"):
        parse_decay_epochs("160;200")


@pytest.mark.parametrize(
    ("epoch", "since", "due"), [(0, -1, 0), (1, 0, 0), (2, 1, 1), (3, 2, 0), (4, 3, 1), (9, -1, 2), (9, 9, 0)]
)
def test_each_decay_is_due_once(epoch: int, since: int, due: int) -> None:
    assert decays_due((2.0, 4.0), epoch, since) == due


def test_a_training_that_starts_late_makes_up_for_all_decays_as_gluoncv_does() -> None:
    assert decays_due((160.0, 200.0), 210, -1) == 2


def test_the_rate_rises_in_a_line_and_stays() -> None:
    assert [warm_up(step, 4) for step in range(6)] == [0.25, 0.5, 0.75, 1, 1, 1]
    assert warm_up(0, 0) == 1
