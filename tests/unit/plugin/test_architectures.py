"""GPUs: those of a machine, what `--arch` asks for, what a toolkit builds for it, and what serves it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dali_ssd.errors import ConfigError, PluginError
from dali_ssd.plugin.architectures import Architectures, Wanted, choose
from dali_ssd.plugin.options import BuildPluginConfig
from tests.support.driver import install_driver
from tests.support.plugin import clean_path

CUDA_12_4 = (50, 52, 53, 60, 61, 62, 70, 72, 75, 80, 86, 87, 89, 90)
CUDA_13_0 = (75, 80, 86, 87, 88, 89, 90, 100, 103, 110, 120, 121)
CODES = st.sets(st.sampled_from([*CUDA_12_4, *CUDA_13_0]), min_size=1).map(lambda codes: tuple(sorted(codes)))


@pytest.mark.parametrize("arch", ["", "sm_80", "80, 90", "8.0", "80,", "none", "native,80", "1", "1000", 80, None])
def test_another_arch_is_refused(arch: object) -> None:
    with pytest.raises(ConfigError, match=r"arch must be native, all, or compute capabilities such as 80,90, not"):
        BuildPluginConfig(arch=arch)  # type: ignore[arg-type]


@pytest.mark.parametrize("arch", ["native", "all", "80", "90,80", "75,120"])
def test_what_arch_may_be(arch: str) -> None:
    assert BuildPluginConfig(arch).arch == arch


def test_native_means_the_gpus_that_are_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clean_path(monkeypatch, tmp_path / "bin")
    with pytest.raises(PluginError, match=r"there is no GPU here .* `dali-ssd build-plugin --arch all`"):
        Wanted.from_option("native", 13)
    install_driver(tmp_path / "lib", monkeypatch, 90, 89, 61)
    assert Wanted.from_option("native", 13) == Wanted((89, 90))
    assert Wanted.from_option("native", 12) == Wanted((61, 89, 90))


def test_names_in_words_and_in_file_names() -> None:
    both = Architectures((80, 90), 90)
    assert (str(both), both.tag) == ("80, 90, PTX of 90", "80.90.ptx90")
    assert both.flags == [
        "-gencode=arch=compute_80,code=sm_80",
        "-gencode=arch=compute_90,code=sm_90",
        "-gencode=arch=compute_90,code=compute_90",
    ]


@given(CODES, st.booleans())
def test_a_tag_says_it_all(codes: tuple[int, ...], ptx: bool) -> None:
    there = Architectures(codes, codes[-1] if ptx else 0)
    assert Architectures.from_tag(there.tag) == there


@pytest.mark.parametrize("tag", ["", "80.", "ptx", "80-90", "80.tmp", "all"])
def test_another_tag_says_nothing(tag: str) -> None:
    assert Architectures.from_tag(tag) is None


@pytest.mark.parametrize(
    ("codes", "ptx", "served", "not_served"),
    [
        ((80,), 0, (80, 86, 89), (75, 90, 120)),
        ((86,), 0, (86, 89), (80, 90)),
        ((90,), 90, (90, 100, 121), (89,)),
        ((), 80, (80, 120), (75,)),
        ((100, 120), 0, (100, 103, 120, 121), (90, 110)),
        ((70, 80, 86, 100), 0, (75, 89, 103), (72, 87, 101)),
        ((72, 87, 101, 110), 0, (72, 87, 101, 110), (75, 88, 89, 103)),
        ((80,), 86, (80, 86, 87, 110), (72,)),
    ],
)
def test_which_gpus_a_plugin_serves(
    codes: tuple[int, ...], ptx: int, served: tuple[int, ...], not_served: tuple[int, ...]
) -> None:
    there = Architectures(codes, ptx)
    assert all(map(there.serves, served)) and not any(map(there.serves, not_served))


@pytest.mark.parametrize(
    ("arch", "major", "known", "built"),
    [
        ("all", 13, CUDA_13_0, Architectures((75, 80, 86, 89, 90, 100, 120), 120)),
        ("all", 12, CUDA_12_4, Architectures((70, 75, 80, 86, 89, 90), 90)),
        ("90,80", 13, CUDA_13_0, Architectures((80, 90))),
    ],
)
def test_what_is_built(arch: str, major: int, known: tuple[int, ...], built: Architectures) -> None:
    wanted = Wanted.from_option(arch, major)
    assert choose(wanted, known) == built
    assert wanted.is_served_by(built)


@pytest.mark.parametrize(
    ("gpus", "built"),
    [
        ((90,), Architectures((90,))),
        ((80, 90), Architectures((80, 90))),
        ((88,), Architectures((86,))),
        ((87,), Architectures((87,))),
        ((101, 110), Architectures((), 90)),
        ((72, 110, 120), Architectures((72,), 90)),
        ((120,), Architectures((), 90)),
        ((86, 100, 120), Architectures((86,), 90)),
    ],
)
def test_a_gpu_newer_than_the_toolkit_gets_what_it_can_run(gpus: tuple[int, ...], built: Architectures) -> None:
    assert choose(Wanted(gpus), CUDA_12_4) == built


@pytest.mark.parametrize("wanted", [Wanted((70,)), Wanted((72, 90)), Wanted((85, 90), exact=True)])
def test_what_a_toolkit_has_not_is_named(wanted: Wanted) -> None:
    with pytest.raises(PluginError, match=rf"cannot build for {wanted.capabilities[0]}; it knows 75, 80, .*, 121:"):
        choose(wanted, CUDA_13_0)


@given(CODES, CODES)
def test_what_is_built_serves_what_was_wanted(gpus: tuple[int, ...], known: tuple[int, ...]) -> None:
    wanted = Wanted(gpus)
    if min(gpus) < min(known):
        with pytest.raises(PluginError):
            choose(wanted, known)
    else:
        built = choose(wanted, known)
        assert wanted.is_served_by(built)
        assert built.virtual <= set(known)


@pytest.mark.parametrize(
    ("wanted", "there", "serves"),
    [
        (Wanted(()), Architectures((75,)), True),
        (Wanted((86,)), Architectures((80,)), True),
        (Wanted((86, 87)), Architectures((80,)), False),
        (Wanted((86,), exact=True), Architectures((80,)), False),
        (Wanted((86,), exact=True), Architectures((80, 86)), True),
        (Wanted((80,), newer=True), Architectures((80,)), False),
        (Wanted((80,), newer=True), Architectures((80,), 80), True),
    ],
)
def test_which_plugin_will_do(wanted: Wanted, there: Architectures, serves: bool) -> None:
    assert wanted.is_served_by(there) == serves
