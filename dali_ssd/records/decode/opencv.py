"""Decoding of every image by OpenCV in worker processes, with the warnings of the image libraries.

libjpeg decodes most damaged files and only prints a line on stderr. A worker process redirects its stderr to a file and
reads it after each image, so it must not be a process with other work.
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
"""What OpenCV prints before a message: level, thread, file and line."""

_stderr: IO[bytes] | None = None


def decode_task(task: Task) -> list[Finding]:
    """Return findings on the pixels of some records of a shard. Only for worker processes: stderr is redirected."""
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
    """Redirect this process's stderr to a file from now on."""
    global _stderr
    if _stderr is None:
        _stderr = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - stderr for the rest of the process
        os.dup2(_stderr.fileno(), 2)
    return _stderr


def _complaint(log: IO[bytes]) -> str:
    """Return the first line written to stderr since the last call."""
    log.seek(0)
    text = log.read(4096).decode("utf-8", "replace")
    log.seek(0)
    log.truncate()
    lines = (_OPENCV.sub("", line).strip() for line in text.splitlines())
    return next((line[:200] for line in lines if line), "")


def _decode(data: bytes) -> tuple[bool, str]:
    """Decode an image; return whether OpenCV could, and the first warning of the libraries."""
    cv2 = require("cv2")
    log = _listen()
    _complaint(log)
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error as error:
        return False, str(error).strip().splitlines()[-1]
    return image is not None, _complaint(log)
