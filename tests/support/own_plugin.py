"""This package's plugin in the process of a test."""

from __future__ import annotations

from dali_ssd.errors import PluginError
from dali_ssd.plugin import build_plugin, prepare_plugin
from dali_ssd.plugin.gpus import gpus_here
from dali_ssd.plugin.options import BuildPluginConfig
from dali_ssd.plugin.sources import dali_here
from tests.support.plugin import need_compiler

_ANY = "80"
"""Without a GPU, one architecture is as good as another, and one is built sooner than all."""


def load_plugin_or_skip() -> None:
    """Load the plugin, built if it is not there; skip the test where no compiler is either."""
    try:
        build_plugin(BuildPluginConfig("native" if gpus_here(dali_here().cuda_major) else _ANY))
        prepare_plugin()
    except PluginError:
        need_compiler()
        raise
