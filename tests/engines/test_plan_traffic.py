"""The bytes that Horovod and MXNet's KVStore send from host to host are those of the formulas of `bench --plan`."""

from __future__ import annotations

import subprocess
import time
from importlib.util import find_spec
from pathlib import Path

import pytest

from dali_ssd.bench.cluster.needs import ring_bytes, server_bytes
from tests.support.two_hosts import ADDRESSES, LINK, TwoHosts, two_hosts

pytestmark = [pytest.mark.engines, pytest.mark.skipif(find_spec("mxnet") is None, reason="needs MXNet")]

NODES, STEPS = 2, 4
NUMBERS = 3_000_000
"""More than MXNET_KVSTORE_BIGARRAY_BOUND, so that a KVStore splits them over its servers."""
SIZE = 4 * NUMBERS
COUNT = f"""
import sys
import dali_ssd
import mxnet as mx

def counted():
    (line,) = (line for line in open("/proc/net/dev") if line.strip().startswith("{LINK}:"))
    fields = line.partition(":")[2].split()
    return int(fields[0]), int(fields[8])

def measure(step, meet):
    step()
    meet()
    before = counted()
    meet()
    for _ in range({STEPS}):
        step()
    meet()
    print("bytes", *((now - then) / {STEPS} for now, then in zip(counted(), before)), flush=True)

gradients = mx.nd.ones({NUMBERS})
"""
KVSTORE = f"""{COUNT}
store, received = mx.kv.create("dist_sync"), mx.nd.zeros({NUMBERS})
store.init("a", received)

def step():
    store.push("a", gradients)
    store.pull("a", out=received)
    received.wait_to_read()

measure(step, store._barrier)
"""
HOROVOD = f"""{COUNT}
import horovod.mxnet as hvd
hvd.init()
assert hvd.size() == int(sys.argv[1])
measure(
    lambda: hvd.allreduce(gradients, average=False, name="a").wait_to_read(),
    lambda: hvd.allreduce(mx.nd.ones(1), average=False, name="b").wait_to_read(),
)
"""
RENDEZVOUS = """
import sys, time
from pathlib import Path
from horovod.runner.common.util.hosts import get_host_assignments, parse_hosts
from horovod.runner.http.http_server import RendezvousServer
server = RendezvousServer(0)
port = server.start()
server.init(get_host_assignments(parse_hosts(sys.argv[2]), int(sys.argv[3])))
Path(sys.argv[1] + ".new").write_text(str(port))
Path(sys.argv[1] + ".new").rename(sys.argv[1])
time.sleep(120)
"""


def test_servers_of_a_kvstore() -> None:
    gpus = 2  # of one, a KVStore and a ring send the same
    with two_hosts() as hosts:
        common = {
            "DMLC_PS_ROOT_URI": ADDRESSES[0],
            "DMLC_PS_ROOT_PORT": 29_119,
            "DMLC_NUM_WORKER": NODES * gpus,
            "DMLC_NUM_SERVER": NODES * gpus,
        }

        def start(host: int, role: str, code: str = "import dali_ssd, mxnet") -> subprocess.Popen[str]:
            return hosts.start(host, code, **common, DMLC_ROLE=role, DMLC_NODE_HOST=ADDRESSES[host])

        start(0, "scheduler")
        for host in range(NODES):
            for _ in range(gpus):
                start(host, "server")
        workers = [start(host, "worker", KVSTORE) for host in range(NODES) for _ in range(gpus)]
        assert_bytes(workers, server_bytes(gpus, NODES, SIZE))


@pytest.mark.skipif(find_spec("horovod") is None, reason="needs Horovod")
def test_the_ring_of_horovod(tmp_path: Path) -> None:
    gpus = 2
    with two_hosts() as hosts:
        port = rendezvous(hosts, gpus, tmp_path / "port")
        workers = [
            hosts.start(
                rank // gpus,
                HOROVOD,
                NODES * gpus,
                HOROVOD_RANK=rank,
                HOROVOD_SIZE=NODES * gpus,
                HOROVOD_LOCAL_RANK=rank % gpus,
                HOROVOD_LOCAL_SIZE=gpus,
                HOROVOD_CROSS_RANK=rank // gpus,
                HOROVOD_CROSS_SIZE=NODES,
                HOROVOD_HOSTNAME=hosts.names[rank // gpus],
                HOROVOD_GLOO_IFACE=LINK,
                HOROVOD_GLOO_RENDEZVOUS_ADDR=ADDRESSES[0],
                HOROVOD_GLOO_RENDEZVOUS_PORT=port,
                HOROVOD_CONTROLLER="gloo",
                HOROVOD_CPU_OPERATIONS="gloo",
                HOROVOD_CYCLE_TIME=20,  # milliseconds between two questions who is ready, which are bytes as well
            )
            for rank in range(NODES * gpus)
        ]
        assert_bytes(workers, ring_bytes(NODES * gpus, SIZE))


def rendezvous(hosts: TwoHosts, gpus: int, path: Path) -> int:
    """Start the server where processes find each other, and return its port."""
    names = ",".join(f"{name}:{gpus}" for name in hosts.names)
    server = hosts.start(0, RENDEZVOUS, path, names, NODES * gpus)
    deadline = time.monotonic() + 60
    while not path.exists():
        assert server.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    return int(path.read_text())


def assert_bytes(workers: list[subprocess.Popen[str]], expected: float) -> None:
    """Each process has counted what its host receives and sends in a step; heads of packets are part of it."""
    for worker in workers:
        output, _ = worker.communicate(timeout=90)
        counts = [
            float(count) for line in output.splitlines() if line.startswith("bytes ") for count in line.split()[1:]
        ]
        assert worker.returncode == 0 and len(counts) == 2, output
        assert counts == pytest.approx([expected, expected], rel=0.03), output
