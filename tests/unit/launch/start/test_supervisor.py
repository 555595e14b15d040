"""What the launcher does when ranks end and signals come, with small programs in place of training."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from tests.support.launcher import end, launch, lines_of, start


def alive(process: str) -> bool:
    """Whether a process runs. One that nobody has waited for is still there, without a command line."""
    try:
        return bool(Path(f"/proc/{process}/cmdline").read_bytes())
    except OSError:
        return False


def test_each_rank_knows_its_place_and_names_its_lines() -> None:
    program = "print(rank, size, os.environ['LOCAL_RANK'], os.environ['LOCAL_WORLD_SIZE'], sys.argv[1:])"
    assert launch(program) == (
        0,
        ["0 3 0 3 ['train', '--horovod']", *(f"[rank {r}] {r} 3 {r} 3 ['train', '--horovod']" for r in (1, 2))],
        [],
    )


def test_streams_stay_apart_and_lines_whole() -> None:
    program = "[os.write(1, b'o' * 200 + b'\\n') for _ in range(200)]; rank and sys.stderr.write('no end')"
    code, out, errors = launch(program)
    assert code == 0
    assert out == ["[rank 1] " + "o" * 200] * 200 + ["[rank 2] " + "o" * 200] * 200 + ["o" * 200] * 200
    assert errors == ["[rank 1] no end", "[rank 2] no end"]


@pytest.mark.parametrize(
    ("failing", "code", "said"),
    [
        ("sys.exit(3)", 3, "rank 1 ended with exit code 3"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", 139, "rank 1 was ended by SIGSEGV"),
    ],
)
def test_one_that_fails_ends_the_others(failing: str, code: int, said: str) -> None:
    start = time.monotonic()
    assert launch(f"if rank == 1: {failing}\ntime.sleep(60)") == (code, [], [f"dali-ssd: {said}"])
    assert time.monotonic() - start < 40  # and not the 60 s of the others


def test_the_others_get_time_to_save(tmp_path: Path) -> None:
    program = """
signal.signal(signal.SIGTERM, lambda *_: (time.sleep(0.3 + 0.3 * rank), print("saved", flush=True), sys.exit(143)))
open(f"{READY}{rank}", "w").close()
while rank == 2 and not all(os.path.exists(f"{READY}{other}") for other in range(3)): time.sleep(0.02)
sys.exit(3 if rank == 2 else time.sleep(60))
"""
    program = f"READY = {str(tmp_path / 'ready')!r}\n{program}"
    assert launch(program) == (3, ["[rank 1] saved", "saved"], ["dali-ssd: rank 2 ended with exit code 3"])


def test_those_that_do_not_end_are_killed_with_all_that_they_have_started(tmp_path: Path) -> None:
    program = (
        f"folder = {str(tmp_path)!r}"
        + """
import os, subprocess
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(child.pid, flush=True)
open(os.path.join(folder, str(rank)), "w").close()
while rank == 2 and len(os.listdir(folder)) < 3:
    time.sleep(0.05)
sys.exit(5 if rank == 2 else time.sleep(60))
"""
    )
    code, out, _ = launch(program)
    assert code == 5 and len(out) == 3
    time.sleep(0.1)
    assert not any(alive(line.split()[-1]) for line in out)


def test_the_cause_is_told_from_its_consequences() -> None:
    """Exit code 4 says that another rank has ended, and Horovod aborts then."""
    program = "time.sleep(0.3 * rank)\nif rank == 0: sys.exit(4)\nif rank == 1: os.abort()\nos._exit(7)"
    signal_free = "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    assert launch(signal_free + program) == (
        7,
        [],
        ["dali-ssd: rank 1 was ended by SIGABRT", "dali-ssd: rank 2 ended with exit code 7"],
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_goes_to_all_and_they_save(number: signal.Signals) -> None:
    program = """
signal.signal(signal.SIGINT, lambda *_: (time.sleep(0.3 * rank), print("saved", flush=True), sys.exit(130)))
signal.signal(signal.SIGTERM, lambda *_: (time.sleep(0.3 * rank), print("saved", flush=True), sys.exit(143)))
print("ready", flush=True)
time.sleep(60)
"""
    process = start(program)
    assert len(lines_of(process, 3)) == 3
    os.killpg(process.pid, number)  # as Ctrl-C at a terminal
    assert end(process) == (128 + number, ["[rank 1] saved", "[rank 2] saved", "saved"], [])


def test_the_second_signal_ends_all_at_once() -> None:
    process = start("signal.signal(signal.SIGINT, lambda *_: print('saving', flush=True))\nprint('ready', flush=True)\n"
                    "while True: time.sleep(60)")  # fmt: skip
    lines_of(process, 3)
    process.send_signal(signal.SIGINT)
    assert lines_of(process, 3) == ["[rank 1] saving", "[rank 2] saving", "saving"]
    process.send_signal(signal.SIGINT)
    code, _, errors = end(process, 5)
    assert (code, errors) == (128 + signal.SIGKILL, [])


def test_ranks_do_not_outlive_a_launcher_that_is_killed() -> None:
    process = start("print(os.getpid(), flush=True)\ntime.sleep(60)")
    ranks = [line.split()[-1] for line in lines_of(process, 3)]
    process.kill()
    process.communicate()
    end_at = time.monotonic() + 5
    while any(map(alive, ranks)) and time.monotonic() < end_at:
        time.sleep(0.02)
    assert not any(map(alive, ranks))


RESTARTED = "print('--resume' in sys.argv, sys.argv.count('auto'), flush=True)\nsys.exit({})"


def test_all_start_again_from_the_last_checkpoint() -> None:
    assert launch(RESTARTED.format("0 if '--resume' in sys.argv else 3"), "processes=1, restart=3") == (
        0,
        ["False 0", "True 1"],
        ["dali-ssd: rank 0 ended with exit code 3", "dali-ssd: starting all ranks again; 2 restarts left"],
    )


def test_restarts_come_to_an_end() -> None:
    code, out, errors = launch(RESTARTED.format(3), "processes=1, restart=2")
    assert (code, out) == (3, ["False 0", "True 1", "True 1"])
    assert sum("ended with exit code 3" in line for line in errors) == 3


def test_what_another_start_would_not_change_is_not_started_again() -> None:
    code, out, _ = launch(RESTARTED.format(2), "processes=1, restart=2")
    assert (code, out) == (2, ["False 0"])


def test_a_run_that_was_stopped_is_not_started_again() -> None:
    process = start("print('ready', flush=True)\ntime.sleep(60)", "processes=2, restart=2")
    lines_of(process, 2)
    process.send_signal(signal.SIGTERM)
    assert end(process) == (128 + signal.SIGTERM, [], [])


def test_the_cause_may_end_a_moment_after_its_consequence() -> None:
    """Exit code 2 that comes after 4 is the run's, so it is not started again."""
    program = "print('started', flush=True)\ntime.sleep(0.5 * rank)\nos._exit(4 if rank == 0 else 2)"
    assert launch(program, "processes=2, restart=1") == (
        2,
        ["[rank 1] started", "started"],
        ["dali-ssd: rank 1 ended with exit code 2"],
    )


def test_the_end_of_a_terminal_lets_all_save() -> None:
    """SIGHUP comes from the terminal and from the shell; the ranks get SIGTERM once."""
    program = """
signal.signal(signal.SIGTERM, lambda *_: (time.sleep(0.3 + 0.3 * rank), print("saved", flush=True), sys.exit(143)))
print("ready", flush=True)
time.sleep(60)
"""
    process = start(program)
    lines_of(process, 3)
    for _ in range(2):
        os.killpg(process.pid, signal.SIGHUP)
        time.sleep(0.1)
    assert end(process) == (128 + signal.SIGTERM, ["[rank 1] saved", "[rank 2] saved", "saved"], [])


def test_a_lost_terminal_keeps_nobody_from_saving(tmp_path: Path) -> None:
    saved = tmp_path / "saved"
    program = f"""
signal.signal(signal.SIGTERM, lambda *_: (os.write(2, b"saving" * 99999), open({str(saved)!r}, "w"), sys.exit(143)))
rank and print("ready", flush=True)
time.sleep(60)
"""
    process = start(program, "processes=2")
    lines_of(process, 1)
    assert process.stdout and process.stderr
    process.stdout.close()
    process.stderr.close()
    process.send_signal(signal.SIGHUP)
    process.wait(20)
    assert saved.exists()
