"""What the launcher does when other hosts do not answer, with a script in place of ssh."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from dali_ssd.launch.start.rank import agent_command
from tests.support.launcher import end, launch, start

HOST_OPTIONS = 'hosts="localhost:1,other:1", address="127.0.0.1", agent={agent!r}'


def agent(folder: Path, script: str) -> str:
    """An agent that runs commands here, after a shell script in which `$*` is the command."""
    path = folder / "agent"
    path.write_text(f"#!/bin/sh\nshift\n{script}\n")
    path.chmod(0o755)
    return f"{path} {{host}}"


def test_a_restart_waits_for_a_host_that_has_gone(tmp_path: Path) -> None:
    """It comes back after some tries, which are said once; the second start has another port."""
    gone = tmp_path / "gone"
    script = f'if [ -e {gone} ]; then echo . >>{gone}; [ $(wc -l <{gone}) -lt 3 ] && exit 255; rm {gone}; fi\nexec "$@"'
    program = f"""
if rank == 1: print(os.environ["MASTER_PORT"])
if rank == 1 and "--resume" not in sys.argv: open({str(gone)!r}, "w"); sys.exit(3)
"""
    code, out, errors = launch(program, f"restart=1, {HOST_OPTIONS.format(agent=agent(tmp_path, script))}")
    assert code == 0 and not gone.exists(), errors
    assert len(set(out)) == len(out) == 2
    assert [line.partition(" (")[0] for line in errors] == [
        "dali-ssd: other is not reached",
        "dali-ssd: rank 1 ended with exit code 3",
        "dali-ssd: starting all ranks again; 0 restarts left",
    ]


def test_a_signal_while_hosts_are_asked_starts_nothing(tmp_path: Path) -> None:
    asked = tmp_path / "asked"
    process = start("print('started')", HOST_OPTIONS.format(agent=agent(tmp_path, f"touch {asked}; sleep 60")))
    end_at = time.monotonic() + 10
    while not asked.exists() and time.monotonic() < end_at:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    assert end(process, 5) == (128 + signal.SIGINT, [], [])


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        ("/usr/bin/ssh -q {host}", ["/usr/bin/ssh", "-q", "n1", "env", "'A=/my data'"]),
        ("kubectl exec -i {host} --", ["kubectl", "exec", "-i", "n1", "--", "env", "A=/my data"]),
    ],
)
def test_words_are_quoted_for_the_shell_of_ssh_alone(agent: str, words: list[str]) -> None:
    assert agent_command(agent, "n1", ["env", "A=/my data"]) == words
