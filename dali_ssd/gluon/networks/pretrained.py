"""Build networks with pretrained weights of the backbone, from GluonCV's cache or from its server."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

from gluoncv.model_zoo import model_store

from dali_ssd.errors import ConfigError
from dali_ssd.gluon.networks.zoo import build_network
from dali_ssd.util.words import first_line

__all__ = ["build_with_base"]

_TIMEOUT = 5.0
"""Seconds before the server counts as unreachable: GluonCV's own download may wait for minutes."""


def build_with_base(
    network: str,
    data_shape: int,
    classes: Sequence[str],
    *,
    stds: Sequence[float],
    pretrained_base: Literal["auto", "yes", "no"],
    sync_devices: int,
    logger: logging.Logger,
) -> Any:
    """Build a network, with the pretrained base for `yes`, and for `auto` if the weights are available.

    Raises ConfigError if `yes` is asked for and they are not.
    """

    def build(pretrained: bool) -> Any:
        return build_network(
            network, data_shape, classes, stds=stds, pretrained_base=pretrained, sync_devices=sync_devices
        )

    if pretrained_base == "no":
        return build(False)
    problem = None if _is_cached(network) else _unreachable(network)
    if problem is None:
        net, problem = _try(build)
        if net is not None:
            return net
    if pretrained_base == "yes":
        raise ConfigError(f"no pretrained base for {network}: {problem}; try --pretrained-base auto")
    logger.warning("No pretrained base for %s (%s): training from scratch needs more epochs", network, problem)
    return build(False)


def _try(build: Callable[[bool], Any]) -> tuple[Any, str | None]:
    try:
        return build(True), None
    except (OSError, ValueError, RuntimeError) as error:
        return None, first_line(error)


def _is_cached(network: str) -> bool:
    home = os.environ.get("MXNET_HOME", "~/.mxnet")
    return any(Path(home, "models").expanduser().glob(f"{network}-*.params"))


def _unreachable(network: str) -> str | None:
    """Return why the weights cannot be fetched from the server; None if they can."""
    import requests

    try:
        digest = model_store.short_hash(network)
    except ValueError:
        return "GluonCV has no pretrained weights for it"
    url = os.environ.get("MXNET_GLUON_REPO", model_store.apache_repo_url).rstrip("/")
    try:
        requests.head(f"{url}/gluon/models/{network}-{digest}.zip", timeout=_TIMEOUT).raise_for_status()
    except requests.RequestException as error:
        return f"{url}: {type(error).__name__}"
    return None
