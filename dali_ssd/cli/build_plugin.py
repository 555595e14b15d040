"""`dali-ssd build-plugin`: build the DALI plugin into the cache."""

from __future__ import annotations

import tyro

from dali_ssd.plugin.build import build_plugin
from dali_ssd.plugin.load import load_plugin
from dali_ssd.plugin.options import BuildPluginConfig

__all__ = ["run"]


def run(argv: list[str]) -> int:
    """Build the plugin if needed, see that DALI loads it, and say where it is; return 0 when done."""
    config = tyro.cli(BuildPluginConfig, args=argv, prog="dali-ssd build-plugin")
    built = build_plugin(config)
    load_plugin(built.path)
    how = f"built in {built.seconds:.0f} s" if built.seconds else "there already"
    print(f"{built.path}: {built.path.stat().st_size / 1e6:.1f} MB for {built.architectures}, {how}")
    return 0
