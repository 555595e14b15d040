from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace

from dali_ssd.bench.planning.record import Plan
from dali_ssd.bench.planning.table import print_plan

MakePlan = Callable[..., Plan]


def printed(plan: Plan) -> str:
    stream = io.StringIO()
    print_plan(plan, stream)
    return stream.getvalue()


def row(text: str, name: str) -> list[str]:
    (line,) = (line for line in text.splitlines() if line.startswith(f"{name}  "))
    return line.removeprefix(name).split()


def test_what_is_measured_given_and_assumed_is_told_apart(make_plan: MakePlan) -> None:
    lines = printed(make_plan("gpus=8,nodes=4,rate=1527,cores=64")).splitlines()
    assert lines[0] == "4 nodes of 8 GPUs, SSD of 300 px: 1,527 images/s a GPU, 12,216 a node, 48,864 in all"
    assert lines[1] == (
        "measured: 150 kB a record, 100,000 records; 0.050 (0.040 - 0.060) CPU ms an image on the host of a GPU, with "
        "the plugin; 1.50 (1.40 - 1.60) CPU ms an image, all on the CPU; 25.0 million parameters counted in "
        "vgg16_atrous"
    )
    assert lines[2:5] == [
        "on: A CPU, 2 cores; load before: 0.5",
        "given: gpus=8, nodes=4, rate=1527, cores=64",
        "assumed, as here: memory_gb=20",
    ]
    assert lines[5] == (
        "assumed: batch=32, network=vgg16_atrous, classes=80, gradients=float32, pixels=float32, decode=gpu, "
        "engine=horovod, disk_mb_s=2000, pcie_gb_s=25, link_gbit_s=100"
    )


def test_parameters_that_were_given_were_not_counted(make_plan: MakePlan) -> None:
    assert "counted" not in printed(make_plan("gpus=8,rate=1000,parameters=25")).splitlines()[1]


def test_without_the_plugin_it_says_so(make_plan: MakePlan) -> None:
    text = printed(make_plan("rate=1000", plugin=False))
    assert "on the host of a GPU, without the plugin" in text
    assert "note: without the plugin: no nvcc" in text


def test_the_table_has_every_need(make_plan: MakePlan) -> None:
    plan = make_plan("gpus=8,nodes=4,batch=50,rate=1000")
    text = printed(plan)
    assert row(text, "disk *") == ["1,200", "MB/s", "4,800", "2,000", "60%", "1,670"]
    assert row(text, "memory") == ["17.5", "GB", "69.8", "20.0", "87%"]
    assert row(text, "cores, GPU decodes") == ["0.40", "cores", "1.60", "16.0", "2%", "40,000"]
    assert row(text, "cores, CPU decodes -") == ["12.0", "cores", "48.0", "16.0", "75%", "1,330"]
    assert row(text, "PCIe of a GPU, GPU decodes") == ["0.14", "GB/s", "25.0", "<1%", "179,000"]
    assert row(text, "between GPUs, Horovod") == ["3.88", "GB/s"]
    assert row(text, "network, Horovod") == ["31.0", "Gbit/s", "100", "31%", "3,230"]
    assert row(text, "network, KVStore -") == ["192", "Gbit/s", "100", "192%", "521"]
    for sentence in plan.verdict.sentences:
        assert sentence in text.splitlines()
    assert "not measured: decoding, rendering and training on GPUs" in text


def test_a_bus_that_two_share_has_one_limit(make_plan: MakePlan) -> None:
    text = printed(make_plan("gpus=8,batch=50,rate=1000,engine=kvstore"))
    assert row(text, "PCIe of a GPU, GPU decodes") == ["0.14", "GB/s", "25.0", "<1%"]
    assert row(text, "PCIe of a GPU, KVStore") == ["2.00", "GB/s", "25.0", "8%"]
    assert row(text, "PCIe of a GPU, in all") == ["2.14", "GB/s", "25.0", "9%", "11,700"]


def test_a_usual_table_fits_80_columns_and_a_huge_one_is_whole(make_plan: MakePlan) -> None:
    def table(text: str) -> list[str]:
        lines = printed(make_plan(text)).splitlines()
        return lines[lines.index("") + 1 : lines.index("", lines.index("") + 1)]

    assert max(map(len, table("gpus=8,nodes=8,rate=1527"))) <= 80
    huge = table("gpus=1024,nodes=1000000,rate=1000000,batch=1")
    assert any("…" in line for line in huge) is False
    assert any(line.startswith("network, KVStore -") for line in huge)


def test_what_becomes_of_the_disk_after_the_first_epoch_is_said(make_plan: MakePlan) -> None:
    assert "*: in the first epoch; 1/8 of it in the next 24; then all is in memory" in printed(
        make_plan("gpus=8,nodes=4,rate=1000")
    )
    assert "*: in the first epoch; all of it in the next 3; then all is in memory" in printed(
        make_plan("gpus=1,nodes=4,rate=1000")
    )
    assert "*: in the first epoch; later ones read from memory" in printed(make_plan("gpus=8,rate=1000"))
    assert "*" not in printed(make_plan("gpus=8,rate=1000,memory_gb=1"))


def test_other_choices_are_those_of_the_table(make_plan: MakePlan) -> None:
    assert "-: not of this plan, but with decode=cpu\n" in printed(make_plan("rate=1000"))
    assert "but with decode=gpu or engine=horovod\n" in printed(
        make_plan("gpus=2,nodes=2,rate=1000,decode=cpu,engine=kvstore")
    )


def test_names_with_brackets_are_printed_as_they_are(make_plan: MakePlan) -> None:
    plan = replace(make_plan("rate=1000"), notes=["in [red]brackets[/red]"])
    assert "note: in [red]brackets[/red]\n" in printed(plan)
