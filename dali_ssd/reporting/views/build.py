"""The views of a training run, from its options and loaders."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dali_ssd.loader.base import Loader
from dali_ssd.loader.val import ValLoader
from dali_ssd.reporting.log import TrainLog
from dali_ssd.reporting.views.facts import RunFacts, options_of
from dali_ssd.reporting.views.gallery import Gallery
from dali_ssd.reporting.views.page import PageView
from dali_ssd.reporting.views.tensorboard import TensorBoardView
from dali_ssd.reporting.views.view import View, Views

__all__ = ["views_of"]


def views_of(
    prefix: str, config: Any, classes: Sequence[str], log: TrainLog, loader: Loader, val: ValLoader | None,
    *, report: bool = True, tensorboard: str = "",
) -> Views:  # fmt: skip
    """Return what shows a run to people.

    Args:
        prefix: of the names of its files.
        config: its options, a dataclass with `epochs`.
        classes: the names of the class ids.
        log: its log, for events.
        loader: that of the training records.
        val: that of the validation records, if there are any.
        report: whether there is a page.
        tensorboard: folder for event files; empty: none.

    Raises:
        MissingDependencyError: tensorboardX is not installed.
        DaliSsdError: the folder cannot be written.
    """
    run = RunFacts(
        Path(prefix).name, config.epochs, tuple(classes), loader.num_records, val.num_records if val else 0,
        tuple(options_of(config)),
    )  # fmt: skip
    views: list[View] = [PageView(prefix, run, log.events)] if report else []
    views += [TensorBoardView(tensorboard, run)] if tensorboard else []
    return Views(views, Gallery(val.dataset, val.recipe.image.data_shape, classes) if val else None)
