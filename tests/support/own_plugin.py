"""This package's plugin in the process of a test."""

from __future__ import annotations

import pytest

from dali_ssd.errors import PluginError
from dali_ssd.plugin import build_plugin, prepare_plugin
from dali_ssd.plugin.architectures import gpus_here
from dali_ssd.plugin.options import BuildPluginConfig
from tests.support.plugin import no_compiler

_ANY = "80"
"""Without a GPU, one architecture is as good as another, and one is built sooner than all."""


def load_plugin_or_skip() -> None:
    """Load the plugin, built if it is not there; skip the test where no compiler is either."""
    try:
        build_plugin(BuildPluginConfig("native" if gpus_here() else _ANY))
        prepare_plugin()
    except PluginError:
        if reason := no_compiler():
            pytest.skip(reason)
        raise
