"""Find which record caused a DALI error."""

from __future__ import annotations

from dali_ssd.errors import DaliSsdError, DatasetError, RecordError, RecordLocation
from dali_ssd.records.dataset import Dataset
from dali_ssd.records.decode.dali import undecodable
from dali_ssd.records.decode.dali_messages import blames_records, cause
from dali_ssd.records.format.recordio import read_record
from dali_ssd.records.lint.content import check_record
from dali_ssd.records.lint.findings import Finding, finding

__all__ = ["find_damage"]


def find_damage(dataset: Dataset, message: str) -> DaliSsdError:
    """Return the error to raise for DALI's `message`. If it blames records, the error names those that are damaged now.

    Checks all records of the dataset, which takes about as long as reading them.
    """
    text = cause(message) or "without a message"
    if not blames_records(message):
        return DaliSsdError(f"the pipeline stopped: {text}")
    damaged = _damaged(dataset)
    if not damaged:
        return DatasetError(
            f"the pipeline stopped ({text}), but every record reads and decodes now; was a shard replaced?"
        )
    more = f" ({len(damaged)} records are damaged in all)" if len(damaged) > 1 else ""
    advice = "see `dali-ssd check --decode` of its shard; on_bad='skip' decodes all before, and leaves such records out"
    return RecordError(
        f"the record cannot be used, or has gone bad: {damaged[0].message}{more}; {advice}", damaged[0].place
    )


def _damaged(dataset: Dataset) -> list[Finding]:
    """Return the errors of all records as they are on disk now, decoding only if the cheap checks find none."""
    found: list[Finding] = []
    intact: list[int] = []
    for i in range(len(dataset)):
        errors = _errors(dataset.place(i))
        found += errors
        intact += [] if errors else [i]
    if found:
        return found
    return [finding("undecodable-image", dataset.place(i), why) for i, why in undecodable(dataset, intact).items()]


def _errors(place: RecordLocation) -> list[Finding]:
    assert place.shard is not None and place.offset is not None  # a dataset's places are complete
    try:
        record = read_record(place.shard, place.offset)
    except RecordError as error:
        return [finding("bad-magic", place, error.problem)]
    except DatasetError as error:
        return [finding("unreadable", place, str(error))]
    return [found for found in check_record(record, place).findings if found.severity == "error"]
