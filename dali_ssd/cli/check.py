"""`dali-ssd check SHARDS`: find every damaged or doubtful record, explain it, and repair shards."""

from __future__ import annotations

import json

import tyro

from dali_ssd.records.check import check
from dali_ssd.records.dataset import expand_paths
from dali_ssd.records.lint.dataset_report import DatasetReport
from dali_ssd.records.lint.findings import summary
from dali_ssd.records.options import CheckConfig
from dali_ssd.records.repair.output import Repaired, require_free
from dali_ssd.records.repair.quarantine import quarantine
from dali_ssd.records.repair.rewrite import FIX_LIST, fix
from dali_ssd.util.files import atomic_open, make_folder, require_folder_of
from dali_ssd.util.words import counted

__all__ = ["run"]


def run(argv: list[str]) -> int:
    """Check, print, and repair if asked; return 0 if clean, 1 for findings, 2 if a shard cannot be read."""
    config = tyro.cli(CheckConfig, args=argv, prog="dali-ssd check", config=(tyro.conf.PositionalRequiredArgs,))
    _require_room(config)
    checked = check(config)
    _print_findings(checked, config.show)
    if config.json is not None:
        with atomic_open(config.json, "w") as file:
            json.dump(checked.as_json(), file, indent=1)
    if config.fix is not None:
        fixed = fix(checked.reports, checked.findings, config.fix, checked.unit, checked.num_classes)
        _print_repaired(fixed, config.fix, str(config.fix / FIX_LIST))
    if config.quarantine is not None:
        isolated = quarantine(checked.reports, checked.findings, config.quarantine)
        _print_repaired(isolated, config.quarantine, f"{config.quarantine}/*.left-out.txt")
    return checked.exit_code


def _print_findings(checked: DatasetReport, show: int) -> None:
    for line in summary(checked.findings, show):
        print(line)
    counts = ", ".join(f"{counted(checked.count(severity), severity)}" for severity in ("error", "warning", "note"))
    shards = counted(len(checked.shards), "shard")
    if len(checked.reports) < len(checked.shards):
        shards += f", of which {len(checked.reports):,} could be read"
    print(f"{shards}, {counted(checked.records, 'record')}: {counts}")


def _print_repaired(repaired: Repaired, where: object, lists: str) -> None:
    kept = f"{counted(repaired.kept, 'record')} kept ({repaired.mended} mended)"
    print(f"{where}: {kept}, {repaired.dropped} left out; see {lists}")


def _require_room(config: CheckConfig) -> None:
    """Refuse outputs that cannot be written, before the shards are checked, which may take hours."""
    shards = expand_paths(config.shards)
    if config.json is not None:
        make_folder(config.json.parent)
        require_folder_of("--json", config.json)
    if config.fix is not None:
        require_free(shards, config.fix, FIX_LIST)
    if config.quarantine is not None:
        require_free(shards, config.quarantine)
