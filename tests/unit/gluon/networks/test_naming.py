from __future__ import annotations

import pytest

from dali_ssd.gluon.networks.naming import named_network, network_name


def test_names_are_gluoncvs() -> None:
    assert network_name("vgg16_atrous", 512) == "ssd_512_vgg16_atrous_custom"


@pytest.mark.parametrize(
    ("file", "network"),
    [
        ("ssd_512_vgg16_atrous_custom_best.params", ("vgg16_atrous", 512)),
        ("first-ssd_128_mobilenet0.25_custom_0010_0.7.params", ("mobilenet0.25", 128)),
        ("ssd_512_resnet50_v1_voc_best.params", ("resnet50_v1", 512)),
        ("ssd_300_vgg16_atrous_coco.params", ("vgg16_atrous", 300)),
        (
            "ssd_300_try_ssd_128_mobilenet0.25_custom_best.params",
            ("mobilenet0.25", 128),
        ),  # with --save-prefix ssd_300_try_
        ("ssd_128_mobilenet0.25_custom_ssd_best.params", ("mobilenet0.25", 128)),
        ("mine.params", None),
    ],
)
def test_files_name_their_network(file: str, network: tuple[str, int] | None) -> None:
    assert named_network(file) == network
