"""Commands as people type them, read by the parsers of the package."""

from __future__ import annotations

import importlib
import shlex
from typing import Any
from unittest import mock

import tyro

from dali_ssd.cli.main import COMMANDS

__all__ = ["parsed"]


class _Parsed(Exception):
    """Raised in place of the work, with the options that were read."""


def parsed(command: str) -> Any:
    """The options that a line such as `dali-ssd check 'a b.rec'` has, read by the command itself; nothing is run."""
    program, name, *words = shlex.split(command)
    assert program == "dali-ssd"
    read = tyro.cli

    def stop(*options: Any, **settings: Any) -> Any:
        raise _Parsed(read(*options, **settings))

    try:
        with mock.patch.object(tyro, "cli", stop):
            importlib.import_module(COMMANDS[name].module).run(words)
    except _Parsed as found:
        return found.args[0]
    raise AssertionError(f"nothing was read by {command}")
