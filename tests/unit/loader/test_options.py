"""The options of the loaders: every one has one definition, and both ways to give them mean the same."""

from __future__ import annotations

import inspect
from dataclasses import fields
from typing import Any, get_type_hints

import pytest

import dali_ssd.loader.options as module
from dali_ssd.config import AugmentConfig, NvjpegConfig, PipelineConfig, RecordsConfig, RenderConfig, TargetConfig
from dali_ssd.errors import ConfigError
from dali_ssd.loader.options import TrainOptions, ValOptions, gather
from dali_ssd.loader.recipes import find_recipe

OF_RECIPE = [name for name in inspect.signature(find_recipe).parameters if name != "recipe"]
CLASSES = (PipelineConfig, RecordsConfig, NvjpegConfig)
NONE: dict[str, Any] = dict.fromkeys(("recipe", "pipeline", "records", "nvjpeg"))
RANDOM = {"augment", "targets", "initial_fill", "seed"}
"""What a validation has no use for."""


def test_the_keywords_are_the_classes_fields() -> None:
    names = {field.name for kind in CLASSES for field in fields(kind)} | set(OF_RECIPE)
    assert set(TrainOptions.__annotations__) == names
    assert set(ValOptions.__annotations__) == names - RANDOM


def test_no_name_is_in_two_classes() -> None:
    names = [field.name for kind in CLASSES for field in fields(kind)] + OF_RECIPE
    assert len(names) == len(set(names))


def test_the_keywords_types_are_the_fields() -> None:
    hints = get_type_hints(TrainOptions, vars(module))
    defined: dict[str, Any] = {}
    for of_recipe in (RenderConfig, TargetConfig):
        defined |= {name: hint | None for name, hint in get_type_hints(of_recipe).items()}
    for kind in CLASSES:
        defined |= get_type_hints(kind)
    defined["augment"] = AugmentConfig | None
    assert hints == {name: defined[name] for name in hints}


def test_defaults_are_the_classes_and_the_recipes() -> None:
    options = gather(TrainOptions, {}, **NONE)
    assert tuple(options) == (find_recipe(), PipelineConfig(), RecordsConfig(), NvjpegConfig())


def test_a_keyword_takes_the_place_of_a_field() -> None:
    pipeline, records = PipelineConfig(batch_size=8, seed=5), RecordsConfig(on_bad="skip", max_bad=0.5)
    nvjpeg = NvjpegConfig(preallocate_width=640, preallocate_height=480)
    given = {"batch_size": 4, "coordinates": "pixel", "data_shape": 128, "layout": "NHWC", "hw_decoder_load": 0.5}
    options = gather(TrainOptions, given, None, pipeline, records, nvjpeg)
    assert options.pipeline == PipelineConfig(batch_size=4, seed=5)
    assert options.records == RecordsConfig("skip", 0.5, "pixel")
    assert options.nvjpeg == NvjpegConfig(0.5, 640, 480)
    assert (options.recipe.image.data_shape, options.recipe.image.layout) == (128, "NHWC")


@pytest.mark.parametrize(("names", "name"), [(TrainOptions, "batchsize"), (ValOptions, "seed")])
def test_an_option_that_is_none(names: Any, name: str) -> None:
    with pytest.raises(TypeError, match=f"a loader has no option '{name}'; there are "):
        gather(names, {name: 1}, **NONE)


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        ({"pipeline": 32}, "pipeline must be a PipelineConfig, not 32"),
        ({"records": PipelineConfig()}, "records must be a RecordsConfig, not PipelineConfig"),
        ({"nvjpeg": 0.5}, "nvjpeg must be a NvjpegConfig, not 0.5"),
    ],
)
def test_another_class_is_refused(classes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        gather(TrainOptions, {}, **{**NONE, **classes})


def test_a_value_that_cannot_work() -> None:
    with pytest.raises(ConfigError, match="batch_size must be greater than 0, not 0"):
        gather(TrainOptions, {"batch_size": 0}, **NONE)
