"""Exceptions that come from outside of the running code, as that of Ctrl-C does: at any line of the loaders."""

from __future__ import annotations

import linecache
import sys
from collections.abc import Callable, Collection
from types import FrameType
from typing import Any

from dali_ssd.loader import base, pipeline_group, train, val

FILES = {str(module.__file__) for module in (base, pipeline_group, train, val)}


def interrupted(
    action: Callable[[], object], number: int, within: str = "", files: Collection[str | None] = FILES
) -> bool:
    """Do this, but raise KeyboardInterrupt before line `number` of the loaders that it comes to; whether it got there.

    Handing a batch out by `yield` is no such line: from there on the consumer has it. `within`: count only the lines of
    functions of this name; `files`: those of other files.
    """
    passed = 0

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal passed
        if frame.f_code.co_filename not in files or within not in ("", frame.f_code.co_name):
            return None
        line = linecache.getline(frame.f_code.co_filename, frame.f_lineno).strip()
        if event == "line" and not line.startswith("yield"):
            passed += 1
            if passed > number:
                raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        action()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(before)
    return False
