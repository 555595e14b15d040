"""`dali-ssd convert FORMAT SRC OUT`: turn annotations into shards."""

from __future__ import annotations

import sys

import tyro

from dali_ssd.convert.readers import READERS
from dali_ssd.convert.run import convert
from dali_ssd.errors import ConfigError

__all__ = ["run"]

_USAGE = (
    f"usage: dali-ssd convert {{{','.join(READERS)}}} SRC OUT [OPTIONS]; "
    "`dali-ssd convert voc --help` lists the options"
)


def run(argv: list[str]) -> int:
    """Convert and report; return 0 when done, 1 if no object was converted or there is nothing to write."""
    if not argv or argv[0] in ("-h", "--help"):
        print(_USAGE)
        return 0 if argv else 2
    if argv[0] not in READERS:
        raise ConfigError(f"cannot convert {argv[0]!r}; {_USAGE}")
    config = tyro.cli(
        READERS[argv[0]].config,
        args=argv[1:],
        prog=f"dali-ssd convert {argv[0]}",
        config=(tyro.conf.PositionalRequiredArgs,),
    )
    converted = convert(config)
    for line in converted.report.lines():
        print(line)
    print(f"classes: {', '.join(converted.classes)}")
    print(f"full report: {converted.report_file}")
    sys.stdout.write("".join(f"{shard}\n" for shard in converted.shards))
    if converted.report.objects:
        return 0
    print("no objects were converted, so a training run would learn nothing; the report says why", file=sys.stderr)
    return 1
