"""The DALI plugin: operators of this package in CUDA C++, built from their sources when first needed, and loaded.

    sources (*.cu, *.h) --nvcc--> a library in the cache --load_library--> fn.ssd_render, fn.ssd_targets

docs/plugin.md tells when it is built, and what to do if that fails.
"""

from __future__ import annotations

from dali_ssd.plugin.build import build_plugin
from dali_ssd.plugin.load import plugin_loaded, prepare_plugin

__all__ = ["build_plugin", "plugin_loaded", "prepare_plugin"]
