"""Every range that a configuration checks: the error echoes the value, and all faults come at once."""

from __future__ import annotations

import inspect
import math
from dataclasses import MISSING, FrozenInstanceError, fields, is_dataclass
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import dali_ssd.config
import dali_ssd.convert.options
import dali_ssd.records.options
from dali_ssd.config import (
    AugmentConfig,
    InputConfig,
    NvjpegConfig,
    PipelineConfig,
    RecordsConfig,
    RenderConfig,
    TargetConfig,
)
from dali_ssd.convert.options import ConvertConfig
from dali_ssd.convert.readers import READERS
from dali_ssd.errors import ConfigError
from dali_ssd.gluon.options import TrainConfig
from dali_ssd.records.options import CheckConfig, ReshardConfig

PATHS: dict[str, Any] = {"src": Path("in"), "out": Path("out")}
REQUIRED: dict[type, dict[str, Any]] = {
    CheckConfig: {"shards": ("a.rec",)},
    ConvertConfig: PATHS,
    ReshardConfig: {"src": ("a.rec",), "out": Path("out")},
    **{reader.config: PATHS for reader in READERS.values()},
}
NAN = math.nan


def repeat(names: tuple[str, ...], values: list[Any]) -> dict[str, list[Any]]:
    return {name: values for name in names}


# Values that cannot work, for each field that is checked.
BAD: dict[type, dict[str, list[Any]]] = {
    AugmentConfig: {
        **repeat(("color_probability", "expand_probability", "mirror_probability"), [-0.01, 1.01, NAN]),
        "brightness": [-1, 256, NAN],
        "hue": [-1.0, 180.5, NAN],
        "contrast": [(1.5, 0.5), (-0.1, 1), (0, 11), (1.0,), (0.5, 1, 2), (NAN, 1)],
        "saturation": [(1.5, 0.5), (-0.1, 1), (0, 11), (0.5, NAN)],
        "expand_ratio": [(0.5, 4), (4, 1), (1, 101), (1, math.inf)],
        "crop_scale": [(0, 1), (0.3, 1.1), (1, 0.3)],
        "crop_aspect": [(0, 2), (2, 0.5), (0.5, 101)],
        "crop_min_iou": [(0.1, 1.0), (-0.1,), (NAN,)],
        "crop_attempts": [0, -1],
        "interpolations": [(), ("linear", "bilinear")],
    },
    RenderConfig: {
        "data_shape": [15, 4097, 0, -300],
        "dtype": ["float64", "half"],
        "layout": ["CHW", "nchw"],
        "std": [(0.2, 0, 0.2), (-1, 1, 1), (NAN, 1, 1), (0.2, 0.2), (0.2,), "abc", ("a", 1, 1)],
    },
    TargetConfig: {
        "targets": ["encoder", ""],
        "iou_threshold": [0, 1.01, -0.5, NAN],
        "stds": [(0.1, 0.1, 0, 0.2), (NAN, 1, 1, 1), (0.1, 0.1, 0.2), (0.1,)],
    },
    PipelineConfig: {
        "batch_size": [0, -32, 65537, 10**30],
        "prefetch": [0, 65],
        "initial_fill": [0, -1],
        "num_threads": [0, -2, 100000],
        "plugin": ["on", True, ""],
    },
    NvjpegConfig: {
        "hw_decoder_load": [-0.1, 1.1, NAN],
        **repeat(("preallocate_width", "preallocate_height"), [-1, 65536]),
    },
    InputConfig: {"data_shape": [-1]},
    RecordsConfig: {
        "on_bad": ["ignore", ""],
        "max_bad": [-0.1, 1.1, NAN],
        "coordinates": ["guess"],
    },
    CheckConfig: {
        "workers": [-1],
        "show": [-1],
        "coordinates": ["guess", ""],
    },
    TrainConfig: {
        **repeat(("global_batch_size", "epochs", "val_interval", "checkpoint_keep"), [0, -1]),
        **repeat(("lr", "lr_decay"), [0.0, -0.1, NAN]),
        **repeat(("num_workers", "start_epoch", "log_interval", "save_interval", "checkpoint_every", "seed"), [-1]),
        **repeat(("momentum", "wd"), [-0.1, NAN]),
    },
    ConvertConfig: {"shards": [0, -1], "workers": [-1], "seed": [-1], "exif": ["up", ""]},
    ReshardConfig: {"shards": [0, -1], "seed": [-1], "on_bad": ["keep", ""]},
    **{reader.config: {} for reader in READERS.values()},
}
CASES = [(kind, name, value) for kind, bad in BAD.items() for name, values in bad.items() for value in values]


def build(kind: type, **options: Any) -> Any:
    return kind(**{**REQUIRED.get(kind, {}), **options})


def case_id(value: object) -> str:
    return value.__name__ if isinstance(value, type) else repr(value)


@pytest.mark.parametrize(("kind", "name", "value"), CASES, ids=case_id)
def test_value_that_cannot_work_is_named_and_echoed(kind: type, name: str, value: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        build(kind, **{name: value})
    message = str(caught.value)
    assert message.startswith(f"{kind.__name__}: {name.removeprefix('global_')} must ")
    assert message.endswith(f"not {value!r}")
    assert "\n" not in message


@pytest.mark.parametrize("kind", [kind for kind, bad in BAD.items() if bad], ids=case_id)
def test_all_faults_come_at_once(kind: type) -> None:
    with pytest.raises(ConfigError) as caught:
        build(kind, **{name: values[0] for name, values in BAD[kind].items()})
    message = str(caught.value)
    for name, values in BAD[kind].items():
        assert f"{name.removeprefix('global_')} must " in message
        assert f"not {values[0]!r}" in message
    assert message.count("; ") == len(BAD[kind]) - 1


@pytest.mark.parametrize("kind", BAD, ids=case_id)
def test_defaults_work_and_nothing_changes_afterwards(kind: type) -> None:
    made = build(kind)
    with pytest.raises(FrozenInstanceError):
        setattr(made, fields(made)[0].name, None)
    assert build(kind) == made


@pytest.mark.parametrize("kind", BAD, ids=case_id)
def test_what_has_no_default_is_listed_here(kind: type) -> None:
    required = {f.name for f in fields(kind) if f.default is MISSING and f.default_factory is MISSING}
    assert required == set(REQUIRED.get(kind, {}))


def test_every_configuration_is_tested() -> None:
    found = {
        kind
        for module in (dali_ssd.config, dali_ssd.convert.options, dali_ssd.records.options)
        for _, kind in inspect.getmembers(module, is_dataclass)
        if kind.__module__ == module.__name__
    }
    assert found | {TrainConfig} | {reader.config for reader in READERS.values()} == set(BAD)


NUMBERS = [(kind, name) for kind in BAD for name, hint in get_type_hints(kind).items() if hint in (int, float)]


@pytest.mark.parametrize("value", ["3", None, True, [1]], ids=repr)
@pytest.mark.parametrize(("kind", "name"), NUMBERS, ids=case_id)
def test_what_is_no_number_is_named(kind: type, name: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=f"{kind.__name__}: {name} must be a (whole )?number, not "):
        build(kind, **{name: value})


@pytest.mark.parametrize("value", [(0.1, 0.2), 0.5, "abc", (0.1, 0.2, None), (0.1, 0.2, True)], ids=repr)
def test_a_tuple_of_another_length_or_kind_is_named(value: Any) -> None:
    with pytest.raises(ConfigError, match="RenderConfig: mean must be 3 numbers, not "):
        RenderConfig(mean=value)


def test_a_tuple_of_any_length_has_one_kind() -> None:
    with pytest.raises(ConfigError, match="crop_min_iou must be numbers, not "):
        AugmentConfig(crop_min_iou=("a",))  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="interpolations must be names, not 'linear'"):
        AugmentConfig(interpolations="linear")  # type: ignore[arg-type]


def test_numbers_of_numpy_are_numbers() -> None:
    count: Any = np.int32(4)
    angle: Any = np.float32(4)
    assert PipelineConfig(batch_size=count).batch_size == 4
    assert AugmentConfig(hue=angle).hue == 4


@pytest.mark.parametrize(
    "options",
    [
        {"contrast": (0, 0)},
        {"brightness": 0, "hue": 0, "color_probability": 0},
        {"expand_ratio": (1, 1), "expand_probability": 1},
        {"crop_min_iou": (0.0,), "crop_attempts": 1, "interpolations": ("linear",)},
    ],
)
def test_limits_themselves_are_allowed(options: dict[str, Any]) -> None:
    made = AugmentConfig(**options)
    assert {name: getattr(made, name) for name in options} == options


@given(low=st.floats(), high=st.floats())
def test_ranges_are_accepted_exactly_when_they_are_ranges(low: float, high: float) -> None:
    if 1 <= low <= high <= 100:
        assert AugmentConfig(expand_ratio=(low, high)).expand_ratio == (low, high)
    else:
        with pytest.raises(ConfigError, match="expand_ratio must be"):
            AugmentConfig(expand_ratio=(low, high))


@given(probability=st.floats())
def test_probabilities_are_accepted_exactly_within_0_and_1(probability: float) -> None:
    if 0 <= probability <= 1:
        assert AugmentConfig(mirror_probability=probability).mirror_probability == probability
    else:
        with pytest.raises(ConfigError, match="mirror_probability must be a probability"):
            AugmentConfig(mirror_probability=probability)


@pytest.mark.parametrize("sides", [(640, 0), (0, 480)])
def test_one_side_of_an_image_is_no_size(sides: tuple[int, int]) -> None:
    with pytest.raises(ConfigError, match=rf"must both be given or both be 0, not {sides[0]} and {sides[1]}"):
        NvjpegConfig(preallocate_width=sides[0], preallocate_height=sides[1])
