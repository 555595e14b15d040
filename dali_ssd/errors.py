"""Every exception this package raises on purpose.

    DaliSsdError                 anything below; the message says what is wrong, where, and what to do next
    |-- ConfigError              an option or an argument that cannot work (also a ValueError)
    |-- MissingDependencyError   an extra that is not installed (also an ImportError)
    |-- DatasetError             a shard, index or folder that is missing, empty or unusable
    |   `-- RecordError          one record (or its index entry) that cannot be used: names shard, key, offset, object
    |-- AnnotationError          an annotation file a converter cannot read
    |   `-- NothingLeftError     annotations and images that were read, with nothing among them to write
    |-- PluginError              the DALI plugin cannot be built, found or loaded
    |   `-- CompilerError        a compiler has failed on its sources
    |-- CheckpointError          a checkpoint that is damaged or belongs to another run
    |-- WorkerError              a process that works for this one has died
    |-- LaunchError              processes of a training run that do not find each other
    `-- TrainingError            a training run that must not go on, such as a loss that is not finite
        `-- PeerError            another process of the training run has failed

The command line prints the message of a `DaliSsdError` on one line and exits with `exit_code`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = [
    "AnnotationError",
    "CheckpointError",
    "CompilerError",
    "ConfigError",
    "DaliSsdError",
    "DatasetError",
    "LaunchError",
    "MissingDependencyError",
    "NothingLeftError",
    "PeerError",
    "PluginError",
    "RecordError",
    "RecordLocation",
    "TrainingError",
    "WorkerError",
]


@dataclass(frozen=True)
class RecordLocation:
    """A location in a dataset, as far as it is known."""

    shard: Path | None = None
    key: int | None = None
    """The record's key in the shard's `.idx`."""
    offset: int | None = None
    """Byte offset of the record's frame in the shard."""
    object: int | None = None
    """Number of the object in the record's label, from 0."""

    def __str__(self) -> str:
        parts = [str(self.shard)] if self.shard is not None else []
        parts += [
            f"{name} {value}"
            for name, value in (("record", self.key), ("byte", self.offset), ("object", self.object))
            if value is not None
        ]
        return ", ".join(parts)


class DaliSsdError(Exception):
    """Base of all errors of this package."""

    exit_code = 2
    """Exit code of the command line."""


class ConfigError(DaliSsdError, ValueError):
    """An option or argument that cannot work; the message echoes the value and what is allowed."""


class MissingDependencyError(DaliSsdError, ImportError):
    """An optional dependency is not installed; the message gives the pip command."""


class DatasetError(DaliSsdError):
    """A shard, index or folder that is missing, empty or unusable."""


class RecordError(DatasetError):
    """One record that cannot be used; `place` says which, and the message repeats it."""

    def __init__(self, problem: str, place: RecordLocation | None = None) -> None:
        self.problem = problem
        self.place = place or RecordLocation()
        where = str(self.place)
        super().__init__(f"{where}: {problem}" if where else problem)

    def __reduce__(self) -> tuple[type[RecordError], tuple[object, ...]]:
        # An exception pickles with its message as the only argument, which would lose the place.
        return type(self), (self.problem, self.place)


class AnnotationError(DaliSsdError):
    """An annotation file that a converter cannot read; the message names the file."""


class NothingLeftError(AnnotationError):
    """Annotations and images were read and nothing is left to write; the lines below the message say why."""

    exit_code = 1
    """The same as of a conversion without any object: the command was right, the data are not."""


class PluginError(DaliSsdError):
    """The DALI plugin cannot be built, found or loaded; the message says why and what to do."""


class CompilerError(PluginError):
    """A compiler has failed on the plugin's sources; the message has its last lines."""


class CheckpointError(DaliSsdError):
    """A checkpoint that is damaged or belongs to another run; the message says which part differs."""


class WorkerError(DaliSsdError):
    """A process that works for this one has died, such as for lack of memory; its work is lost."""


class LaunchError(DaliSsdError):
    """Processes of a training run that do not find each other; the message says which."""

    exit_code = 3
    """The same as of a run that must not go on: unlike an option that cannot work, another start may help."""


class TrainingError(DaliSsdError):
    """A training run that must not go on; the message gives step, learning rate and records."""

    exit_code = 3

    def __init__(self, message: str, step: int | None = None) -> None:
        super().__init__(message)
        self.step = step
        """The step whose losses are at fault, if it is known."""


class PeerError(TrainingError):
    """Another process of the training run has failed; the message has what it says."""

    exit_code = 4
    """Not that of the fault itself, which the process that failed has."""
