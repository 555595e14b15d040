from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mxnet")

import requests

from dali_ssd.config import TargetConfig
from dali_ssd.errors import ConfigError
from dali_ssd.gluon.networks.pretrained import build_with_base

LOGGER = logging.getLogger("test")


def build(choice: Any) -> Any:
    return build_with_base(
        "mobilenet0.25", 128, ["a"], stds=TargetConfig.stds, pretrained_base=choice, sync_devices=0, logger=LOGGER
    )


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    asked: list[str] = []

    def refuse(url: str, **options: Any) -> None:
        asked.append(url)
        raise requests.ConnectionError

    monkeypatch.setattr(requests, "head", refuse)
    monkeypatch.setenv("MXNET_HOME", str(tmp_path))
    return asked


def test_no_asks_nobody(offline: list[str]) -> None:
    assert build("no").num_classes == 1
    assert offline == []


def test_auto_says_that_it_starts_from_scratch(offline: list[str], caplog: pytest.LogCaptureFixture) -> None:
    assert build("auto").num_classes == 1
    assert len(offline) == 1
    [record] = caplog.records
    assert record.levelno == logging.WARNING
    assert "No pretrained base for mobilenet0.25" in record.getMessage()
    assert "ConnectionError" in record.getMessage()


def test_yes_is_an_order(offline: list[str]) -> None:
    with pytest.raises(ConfigError, match=r"no pretrained base for mobilenet0\.25: .*ConnectionError"):
        build("yes")


def test_weights_in_the_cache_need_no_server(offline: list[str], tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "mobilenet0.25-12345678.params").touch()
    built: list[dict[str, Any]] = []

    def build_network(*args: Any, **options: Any) -> str:
        built.append(options)
        return "net"

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dali_ssd.gluon.networks.pretrained.build_network", build_network)
        assert build("yes") == "net"
    assert offline == []
    assert built[0]["pretrained_base"] is True


def test_a_download_that_breaks_off_is_no_end(
    offline: list[str], tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def build_network(*args: Any, pretrained_base: bool, **options: Any) -> str:
        if pretrained_base:
            raise RuntimeError("Failed downloading url\nmore")
        return "net"

    monkeypatch.setattr("dali_ssd.gluon.networks.pretrained.build_network", build_network)
    monkeypatch.setattr("dali_ssd.gluon.networks.pretrained._unreachable", lambda network: None)
    assert build("auto") == "net"
    assert "Failed downloading url)" in caplog.text
