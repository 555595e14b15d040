from __future__ import annotations

from pathlib import Path

import pytest

from dali_ssd.errors import CheckpointError
from dali_ssd.gluon.checkpoint.file import write_checkpoint
from dali_ssd.gluon.trained.file import read_trained
from tests.unit.gluon.conftest import CLASSES, SIDE

MAGIC = (0x112).to_bytes(8, "little")


def test_what_files_tell(tmp_path: Path) -> None:
    path = tmp_path / "any.ckpt"
    identity = {"network": "mobilenet0.25", "data_shape": SIDE, "classes": list(CLASSES)}
    write_checkpoint(path, {}, {"identity": identity})
    told = read_trained(path)
    assert (told.network, told.data_shape, told.classes) == ("mobilenet0.25", SIDE, CLASSES)
    path = tmp_path / "first_ssd_512_vgg16_atrous_custom_0010_0.7.params"
    path.write_bytes(MAGIC)
    named = read_trained(path)
    assert (named.network, named.data_shape, named.classes) == ("vgg16_atrous", 512, ())
    other = read_trained(path.rename(tmp_path / "mine.params"))
    assert (other.network, other.data_shape, other.classes) == (None, None, ())


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "there is no parameter file"), (b"", "is empty"), (b"text", "is no parameter file of MXNet")],
)
def test_a_file_without_parameters_is_named_first(tmp_path: Path, content: bytes | None, message: str) -> None:
    if content is not None:
        (tmp_path / "mine.params").write_bytes(content)
    with pytest.raises(CheckpointError, match=message):
        read_trained(tmp_path / "mine.params")
