"""What the variables of launchers announce."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dali_ssd.errors import ConfigError
from dali_ssd.launch.world import World, announced_size, announced_world, process_of, require_world

TORCHRUN = {
    **{"RANK": "5", "WORLD_SIZE": "8", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "4"},
    **{"MASTER_ADDR": "node1", "MASTER_PORT": "29500"},
}
OPEN_MPI = {f"OMPI_COMM_WORLD_{name}": value for name, value in zip(
    ("RANK", "SIZE", "LOCAL_RANK", "LOCAL_SIZE"), ("1", "2", "1", "2"), strict=True
)}  # fmt: skip
HYDRA = {"PMI_RANK": "3", "PMI_SIZE": "4", "MPI_LOCALRANKID": "1", "MPI_LOCALNRANKS": "2"}
SLURM = {
    **{"SLURM_PROCID": "5", "SLURM_STEP_NUM_TASKS": "6", "SLURM_LOCALID": "2", "SLURM_NODEID": "1"},
    **{"SLURM_STEP_ID": "0", "SLURM_JOB_ID": "77", "SLURM_STEP_TASKS_PER_NODE": "3(x2)"},
    **{"SLURM_STEP_NODELIST": "gpu[03-04]", "SLURM_NTASKS": "60"},
}
HOROVODRUN = {
    **{"HOROVOD_RANK": "1", "HOROVOD_SIZE": "2", "HOROVOD_LOCAL_RANK": "0", "HOROVOD_LOCAL_SIZE": "1"},
    **{"HOROVOD_GLOO_RENDEZVOUS_ADDR": "10.0.0.1", "HOROVOD_GLOO_RENDEZVOUS_PORT": "4000"},
}
ALL = [TORCHRUN, OPEN_MPI, HYDRA | {"MASTER_ADDR": "a"}, SLURM, HOROVODRUN]


def announced(environ: dict[str, str]) -> World:
    world = announced_world(environ)
    assert world is not None
    return world


def places(world: World) -> tuple[int, int, int, int]:
    return world.rank, world.size, world.local_rank, world.local_size


def test_torchruns_variables_say_all() -> None:
    assert announced(TORCHRUN) == World("torchrun's environment", 5, 8, 1, 4, "node1", 29500)


def test_torchrun_itself_listens_at_its_port() -> None:
    world = announced(TORCHRUN | {"TORCHELASTIC_USE_AGENT_STORE": "True"})
    assert world.port != 29500 and 20_000 <= world.port < 32_000


def test_processes_of_one_host_meet_on_it() -> None:
    world = announced(OPEN_MPI)
    assert (world.launcher, places(world), world.address) == ("Open MPI", (1, 2, 1, 2), "127.0.0.1")


def test_processes_of_several_hosts_need_a_place_to_meet() -> None:
    with pytest.raises(ConfigError, match="4 processes on several hosts and does not say where"):
        announced_world(HYDRA)
    world = announced(HYDRA | {"MASTER_ADDR": "node1", "MASTER_PORT": "1234"})
    assert (places(world), world.address, world.port) == ((3, 4, 1, 2), "node1", 1234)


def test_slurm_names_its_first_host() -> None:
    world = announced(SLURM)
    assert (world.launcher, places(world), world.address) == ("Slurm", (5, 6, 2, 3), "gpu03")


@pytest.mark.parametrize(
    ("nodes", "first"),
    [
        ("node1", "node1"),
        ("node1,node4", "node1"),
        ("node[1-3,7]", "node1"),
        ("a-[01,03-05]", "a-01"),
        ("rack[2-3]n,x9", "rack2n"),
        ("rack2-node[10-11],y", "rack2-node10"),
    ],
)
def test_first_host_of_slurms_lists(nodes: str, first: str) -> None:
    assert announced(SLURM | {"SLURM_STEP_NODELIST": nodes}).address == first


@pytest.mark.parametrize(("tasks", "node", "count"), [("4", 0, 4), ("4(x2),3", 1, 4), ("4(x2),3", 2, 3), ("1,5", 1, 5)])
def test_tasks_of_slurms_nodes(tasks: str, node: int, count: int) -> None:
    changes = {"SLURM_STEP_TASKS_PER_NODE": tasks, "SLURM_NODEID": str(node), "SLURM_LOCALID": "0"}
    assert announced(SLURM | changes).local_size == count


def test_slurm_without_such_a_node_is_refused() -> None:
    with pytest.raises(ConfigError, match="Slurm announces node 2"):
        announced_world(SLURM | {"SLURM_NODEID": "2"} | {"SLURM_STEP_TASKS_PER_NODE": "3,3"})


def test_a_batch_script_of_slurm_is_no_step() -> None:
    batch = {name: value for name, value in SLURM.items() if "STEP" not in name}
    assert announced_world(batch) is None


def test_mpich_starts_its_agents_by_slurm() -> None:
    assert announced(SLURM | HYDRA | {"MASTER_ADDR": "a"}).launcher == "MPICH or Intel MPI"


def test_horovodrun() -> None:
    world = announced(HOROVODRUN)
    assert (places(world), world.address) == ((1, 2, 0, 1), "10.0.0.1")
    assert world.port != 4000  # where horovodrun listens


def test_a_job_has_one_port_and_another_job_another() -> None:
    ports = {announced(OPEN_MPI | {"PMIX_NAMESPACE": job}).port for job in ("a", "a", "b")}
    assert len(ports) == 2 and all(20_000 <= port < 32_000 for port in ports)


@pytest.mark.parametrize("environ", [{}, {"RANK": "3"}, {"WORLD_SIZE": "2", "PMI_RANK": "0"}, {"SLURM_NTASKS": "8"}])
def test_no_launcher(environ: dict[str, str]) -> None:
    assert announced_world(environ) is None


@pytest.mark.parametrize("name", sorted(TORCHRUN.keys() - {"RANK", "WORLD_SIZE"}))
def test_a_missing_variable_is_named(name: str) -> None:
    with pytest.raises(ConfigError, match=f"variable {name} is missing"):
        announced_world({other: value for other, value in TORCHRUN.items() if other != name})


@pytest.mark.parametrize("environ", [TORCHRUN, SLURM])
@pytest.mark.parametrize("port", ["0", "65536"])
def test_a_port_that_cannot_be_is_refused(environ: dict[str, str], port: str) -> None:
    with pytest.raises(ConfigError, match=f"MASTER_PORT must be from 1 to 65535, not {port}"):
        announced_world(environ | {"MASTER_PORT": port})


def test_a_rank_beyond_the_number_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"environment announces rank 8 of 8 and local rank 1 of 4, which cannot be"):
        announced_world(TORCHRUN | {"RANK": "8"})


@pytest.mark.parametrize("environ", ALL, ids=lambda environ: announced(environ).launcher)
def test_the_number_of_processes_is_known_without_what_only_a_meeting_needs(environ: dict[str, str]) -> None:
    world = announced(environ)
    meeting = ("LOCAL", "MASTER_", "NODE", "ADDR")
    without = {name: value for name, value in environ.items() if not any(part in name for part in meeting)}
    recognized = without | {name: environ[name] for name in ("MPI_LOCALRANKID",) if name in environ}
    assert announced_size(recognized) == (world.launcher, world.size)
    assert announced_size({}) is None


def test_a_number_of_processes_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigError, match="WORLD_SIZE must be a whole number, not 'two'"):
        announced_size({"RANK": "0", "WORLD_SIZE": "two"})


def test_a_process_is_what_is_given_or_what_the_framework_says(monkeypatch: pytest.MonkeyPatch) -> None:
    join = "framework.part.join()"
    assert process_of(None, None, None, join) == (1, 0)
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert process_of(3, 2, None, join) == process_of(3, 2, (2, 1), join) == (3, 2)
    assert process_of(None, None, (2, 1), join) == (2, 1)
    said = r"environment announces 2 processes, and framework\.part is not initialized; call framework\.part\.join\(\) "
    with pytest.raises(ConfigError, match=said):
        process_of(None, None, None, join)
    for size, rank in ((2, None), (None, 1)):
        with pytest.raises(ConfigError, match=f"give both world_size and rank, or neither, not {size} and {rank}"):
            process_of(size, rank, (2, 1), join)


@given(st.sampled_from(ALL), st.data(), st.text(max_size=5))
def test_any_value_is_read_or_refused(environ: dict[str, str], data: st.DataObject, value: str) -> None:
    name = data.draw(st.sampled_from(sorted(environ)))
    try:
        world = announced_world(environ | {name: value})
    except ConfigError:
        return
    if world is not None:
        assert 0 <= world.rank < world.size and 0 <= world.local_rank < world.local_size <= world.size


def test_an_engine_that_sees_fewer_is_refused() -> None:
    world = announced(OPEN_MPI)
    require_world(None, 1, "training")
    require_world(world, 2, "Horovod")
    with pytest.raises(ConfigError, match="Open MPI announces 2 processes, but training without an engine sees 1"):
        require_world(world, 1, "training without an engine")
