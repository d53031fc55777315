"""The log file of a process: when it is rotated, and what happens when the disk, the folder or the clock misbehaves."""

import errno
import fcntl
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from shared.logs.log_files import finish_left
from shared.telemetry import rotation
from shared.telemetry.context import not_shipped
from shared.telemetry.formats import StructuredFormatter
from shared.telemetry.log_names import LogName
from shared.telemetry.rotation import ActiveFile, RotatingLogHandler

ROOT = Path(__file__).parents[3]
DAY_S = 86_400.0


class Bench:
    """A handler with clocks that the test sets."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.folder = folder
        self.now_s = 1000.0
        self.wall_s = 20_000 * DAY_S + 3600.0
        self.handler = RotatingLogHandler(
            folder,
            StructuredFormatter(),
            app="shop",
            machine="vm",
            monotonic=lambda: self.now_s,
            clock=lambda: self.wall_s,
            **{"rotation_s": None, **options},
        )
        self.logger = logging.Logger("bench")
        self.logger.addHandler(self.handler)

    def rotated(self) -> list[list[str]]:
        """The messages of each rotated file, in order."""
        return [messages(path) for path in sorted(self.folder.glob("*.jsonl"))]

    def active(self) -> list[Path]:
        return sorted(self.folder.glob("*.active"))


def messages(path: Path) -> list[str]:
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return [str(line.get("message") or line.get("event")) for line in lines]


@pytest.fixture
def benches() -> Iterator[list[Bench]]:
    made: list[Bench] = []
    yield made
    for bench in made:
        bench.handler.close()


@pytest.fixture
def bench(tmp_path: Path, benches: list[Bench]) -> Bench:
    benches.append(Bench(tmp_path / "logs", rotation_s=60.0))
    return benches[-1]


def test_there_is_no_file_before_the_first_line(bench: Bench) -> None:
    assert not bench.folder.exists()
    assert not bench.handler.writing


def test_a_line_is_on_the_disk_when_the_call_returns(bench: Bench) -> None:
    bench.logger.info("one")
    (path,) = bench.active()
    assert path.name == f"shop-{bench.handler.instance}-20241004-000001.jsonl.active"
    assert messages(path) == ["one"]
    assert json.loads(path.read_text())["instance"] == bench.handler.instance
    assert (bench.handler.writing, bench.handler.number) == (True, 1)


def test_files_are_rotated_by_time_and_numbered(bench: Bench) -> None:
    for name in ("a", "b", "c"):
        bench.logger.info(name)
        bench.now_s += 40
    assert bench.rotated() == [["a", "b"]]
    bench.handler.rotate()
    assert bench.rotated() == [["a", "b"], ["c"]]
    names = [LogName.parse(path.name) for path in sorted(bench.folder.glob("*.jsonl"))]
    assert [name.n for name in names if name] == [1, 2]
    assert bench.active() == []


def test_files_are_rotated_by_size(tmp_path: Path, benches: list[Bench]) -> None:
    bench = Bench(tmp_path, max_bytes=400)
    benches.append(bench)
    for number in range(10):
        bench.logger.info("line %d", number)
    bench.handler.rotate()
    assert all(path.stat().st_size <= 400 for path in tmp_path.glob("*.jsonl"))
    assert list(chain(*bench.rotated())) == [f"line {number}" for number in range(10)]
    bench.logger.info("x" * 1000)  # longer than a file may be: alone in one
    bench.logger.info("y")
    assert bench.rotated()[-1] == ["x" * 1000]


def test_files_are_rotated_daily(tmp_path: Path, benches: list[Bench]) -> None:
    bench = Bench(tmp_path, daily=True)
    benches.append(bench)
    bench.logger.info("today")
    bench.now_s += 22 * 3600
    bench.wall_s += 22 * 3600
    bench.logger.info("still today")
    bench.now_s += 3600.5
    bench.wall_s += 3600.5
    bench.logger.info("tomorrow")
    assert bench.rotated() == [["today", "still today"]]
    assert "-20241005-000002" in bench.active()[0].name


def test_a_clock_that_is_set_back_changes_nothing(bench: Bench) -> None:
    bench.logger.info("a")
    bench.wall_s -= 3 * DAY_S
    bench.now_s += 61
    bench.logger.info("b")
    bench.handler.rotate()
    found = sorted(
        (LogName.parse(path.name) for path in bench.folder.glob("*.jsonl")), key=lambda name: name.n if name else 0
    )
    assert [(name.n, name.date) for name in found if name] == [(1, "20241004"), (2, "20241001")]


def test_a_file_is_rotated_in_time_without_a_further_line(tmp_path: Path) -> None:
    handler = RotatingLogHandler(tmp_path, StructuredFormatter(), app="a", machine="vm", rotation_s=0.05)
    logger = logging.Logger("x")
    logger.addHandler(handler)
    try:
        for number in (1, 2):
            logger.info("line")
            until(lambda number=number: len(list(tmp_path.glob("*.jsonl"))) == number)  # type: ignore[misc]
        assert not handler.writing
    finally:
        handler.close()


def test_a_quiet_file_is_rotated(tmp_path: Path) -> None:
    handler = RotatingLogHandler(tmp_path, StructuredFormatter(), app="a", machine="vm", rotation_s=600, quiet_s=0.05)
    logger = logging.Logger("x")
    logger.addHandler(handler)
    try:
        logger.info("line")
        until(lambda: not handler.writing)
        assert len(list(tmp_path.glob("*.jsonl"))) == 1
    finally:
        handler.close()


def until(holds: Any, timeout_s: float = 20.0) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline_s
        time.sleep(0.005)


def test_lines_that_are_not_for_shipping_are_not_written(bench: Bench) -> None:
    with not_shipped():
        bench.logger.info("indexing")
    assert bench.active() == []


def test_nothing_is_written_after_the_end(bench: Bench) -> None:
    bench.logger.info("a")
    bench.handler.close()
    bench.logger.info("b")
    assert bench.rotated() == [["a"]]
    assert bench.active() == []


def test_a_removed_folder_costs_no_line(bench: Bench) -> None:
    bench.logger.info("a")
    shutil.rmtree(bench.folder)
    bench.logger.info("b")
    bench.handler.rotate()
    bench.logger.info("c")
    bench.handler.rotate()
    assert bench.rotated() == [["a", "b"], ["c"]]


def test_a_folder_that_cannot_be_made_drops_and_counts(tmp_path: Path, benches: list[Bench]) -> None:
    (tmp_path / "taken").write_text("a file, where the folder should be")
    bench = Bench(tmp_path / "taken" / "logs")
    benches.append(bench)
    bench.logger.info("lost 1")
    bench.logger.info("lost 2")
    (tmp_path / "taken").unlink()
    bench.logger.info("lost 3: it isn't tried again at once")
    bench.now_s += 1.5
    bench.logger.info("kept")
    bench.handler.rotate()
    assert bench.rotated() == [["log_lines_dropped", "kept"]]
    (path,) = bench.folder.glob("*.jsonl")
    assert json.loads(path.read_text().splitlines()[0])["fields"] == {"count": 3}


def test_a_bad_record_goes_to_the_error_stream(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    bench.logger.info("%d", "no number")
    assert "Logging error" in capsys.readouterr().err
    assert bench.active() == []


FULL_DISK = """
import json, logging, pathlib, resource, signal, sys
from shared.telemetry.formats import StructuredFormatter
from shared.telemetry.rotation import RotatingLogHandler
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a file that may grow no more, like a full disk: an error of write()
folder = pathlib.Path(sys.argv[1])
handler = RotatingLogHandler(folder, StructuredFormatter(), app="a", machine="vm", rotation_s=None)
logger = logging.Logger("x")
logger.addHandler(handler)
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
for number in range(20):
    logger.info("before %d", number)
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
logger.info("after")
handler.close()
"""


def test_a_full_disk_drops_whole_lines_and_says_how_many(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", FULL_DISK, str(tmp_path)], cwd=ROOT, check=True, timeout=30)
    (path,) = tmp_path.glob("*.jsonl")
    found = messages(path)  # each line can be parsed: none is torn
    written = found.index("log_lines_dropped")
    assert found[:written] == [f"before {number}" for number in range(written)]
    assert 0 < written < 20
    assert found[written + 1 :] == ["after"]
    assert json.loads(path.read_text().splitlines()[written])["fields"] == {"count": 20 - written}


def test_a_line_that_stays_torn_ends_its_file(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.logger.info("a")
    write = os.write

    def half(fd: int, data: bytes) -> int:
        monkeypatch.setattr(rotation.os, "write", refuse)
        return write(fd, data[: len(data) // 2])

    def refuse(*_: object) -> int:
        raise OSError(errno.ENOSPC, "no space left on device")

    monkeypatch.setattr(rotation.os, "write", half)
    monkeypatch.setattr(rotation.os, "ftruncate", refuse)
    bench.logger.info("b")
    monkeypatch.undo()
    bench.logger.info("c")
    bench.handler.rotate()
    first, second = sorted(bench.folder.glob("*.jsonl"))
    lines = first.read_text().split("\n")
    assert json.loads(lines[0])["message"] == "a"
    assert len(lines) == 2
    assert not first.read_text().endswith("\n")
    assert messages(second) == ["log_lines_dropped", "c"]


def test_a_file_in_use_is_locked_and_a_finished_one_is_not(tmp_path: Path) -> None:
    file = ActiveFile(tmp_path, LogName("a", "vm.1.1", "20261122", 1))
    file.append(b"line\n")
    assert finish_left(tmp_path) == []
    with next(tmp_path.glob("*.active")).open("rb") as other, pytest.raises(BlockingIOError):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    file.finish()
    with next(tmp_path.glob("*.jsonl")).open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


KILLED = """
import logging, os, pathlib, signal, sys
from shared.telemetry.formats import StructuredFormatter
from shared.telemetry.rotation import RotatingLogHandler
logger = logging.Logger("x")
logger.addHandler(RotatingLogHandler(pathlib.Path(sys.argv[1]), StructuredFormatter(), app="a", machine="vm"))
for number in range(5):
    logger.info("line %d", number)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_has_logged_is_left_to_others(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], cwd=ROOT, check=False, timeout=30)
    assert done.returncode == -signal.SIGKILL
    (left,) = finish_left(tmp_path)
    assert messages(left) == [f"line {number}" for number in range(5)]
    assert finish_left(tmp_path) == []


@pytest.mark.filterwarnings(
    "ignore:This process:DeprecationWarning"
)  # of threads, in a child that only writes and ends
def test_a_forked_process_is_an_instance_of_its_own(bench: Bench) -> None:
    bench.logger.info("parent")
    bench.wall_s += 1
    pid = os.fork()
    if pid == 0:
        try:
            bench.logger.info("child")
            bench.handler.rotate()
        finally:
            os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    bench.logger.info("parent again")
    bench.handler.rotate()
    found = {path.name.split("-")[1]: messages(path) for path in bench.folder.glob("*.jsonl")}
    assert found.pop(bench.handler.instance) == ["parent", "parent again"]
    assert list(found.values()) == [["child"]]
    assert f".{pid}." in next(iter(found))


def test_threads_share_a_file_without_mixing_lines(tmp_path: Path, benches: list[Bench]) -> None:
    bench = Bench(tmp_path, max_bytes=5_000)
    benches.append(bench)

    def work(name: str) -> None:
        for number in range(200):
            bench.logger.info("%s %d %s", name, number, "x" * 40)

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    bench.handler.rotate()
    lines = list(chain(*bench.rotated()))
    for name in "abcd":
        assert [int(line.split()[1]) for line in lines if line.startswith(name)] == list(range(200))
    assert len(lines) == 800
