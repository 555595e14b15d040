"""Every pixel decoded by OpenCV in worker processes, listening to what the image libraries complain about.

libjpeg decodes most damaged files and only prints a line on stderr. A worker process sends its stderr into a file and
looks into it after each image; that is why this must not run in a process that others share.
"""

from __future__ import annotations

import os
import re
import tempfile
from typing import IO

import numpy as np

from dali_ssd.errors import RecordLocation
from dali_ssd.records.format.recordio import frame_at, join, map_shard, unpack
from dali_ssd.records.lint.findings import Finding, finding
from dali_ssd.records.lint.shard_report import Task
from dali_ssd.util.optional import require

__all__ = ["decode_task"]

_OPENCV = re.compile(r"\[[^\]]*(ERROR|WARN)[^\]]*\] \S+ \S+ \S+ *|\(?OpenCV\([^)]*\)[^:]*:\d+: error: *")
"""What OpenCV writes before the message: level, thread, file and line."""

_stderr: IO[bytes] | None = None


def decode_task(task: Task) -> list[Finding]:
    """Findings on the pixels of some records of a shard. Only for worker processes: it takes over stderr."""
    shard, records = task
    findings = []
    with map_shard(shard) as buffer:
        for offset, key in records:
            _, data = unpack(join(buffer, frame_at(buffer, offset, shard)))
            decoded, complaint = _decode(data)
            place = RecordLocation(shard, key, offset)
            if not decoded or complaint.startswith("Premature end of JPEG"):
                findings.append(finding("undecodable-image", place, complaint or "OpenCV cannot decode it"))
            elif complaint:
                findings.append(finding("damaged-image", place, complaint))
    return findings


def _listen() -> IO[bytes]:
    """Send this process's stderr into a file from now on."""
    global _stderr
    if _stderr is None:
        _stderr = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - stderr for the rest of the process
        os.dup2(_stderr.fileno(), 2)
    return _stderr


def _complaint(log: IO[bytes]) -> str:
    """What was written to stderr since the last call, the first line of it."""
    log.seek(0)
    text = log.read(4096).decode("utf-8", "replace")
    log.seek(0)
    log.truncate()
    lines = (_OPENCV.sub("", line).strip() for line in text.splitlines())
    return next((line[:200] for line in lines if line), "")


def _decode(data: bytes) -> tuple[bool, str]:
    """Whether OpenCV makes an image of the bytes, and what the libraries say."""
    cv2 = require("cv2")
    log = _listen()
    _complaint(log)
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error as error:
        return False, str(error).strip().splitlines()[-1]
    return image is not None, _complaint(log)
