"""What was shipped is remembered."""

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.logs.checkpoint import FILE_NAME, Checkpoint
from shared.logs.log_files import LocalFile


def file(name: str, size: int = 5, modified_ns: int = 7) -> LocalFile:
    return LocalFile(Path(name), None, size, modified_ns / 1e9, modified_ns)


def test_over_restarts(tmp_path: Path) -> None:
    first = Checkpoint(tmp_path)
    first.add(file("a"))
    again = Checkpoint(tmp_path)
    assert file("a") in again
    assert file("a", size=6) not in again, "another file of the same name"
    assert file("b") not in again


def test_a_file_that_is_gone_is_not_done_when_it_comes_again(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path)
    checkpoint.add(file("a"))
    checkpoint.forget(file("a"))
    assert file("a") not in Checkpoint(tmp_path)


def test_files_that_are_gone_are_forgotten_in_time(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path)
    for number in range(1_200):
        checkpoint.add(file(f"f{number}"))
        if number:
            checkpoint.forget(file(f"f{number - 1}"))
    assert len((tmp_path / FILE_NAME).read_text().splitlines()) < 600
    again = Checkpoint(tmp_path)
    assert file("f1199") in again
    assert file("f5") not in again


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary())
def test_a_damaged_one_only_forgets(tmp_path: Path, data: bytes) -> None:
    (tmp_path / FILE_NAME).write_bytes(data + b'\n["a", 5, 7]\n["b", 5')
    checkpoint = Checkpoint(tmp_path)
    assert file("a") in checkpoint
    assert file("b") not in checkpoint


def test_a_disk_that_takes_nothing_is_no_error(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "no" / "folder")
    checkpoint.add(file("a"))
    assert file("a") in checkpoint
    checkpoint.forget(file("a"))
    assert file("a") not in checkpoint
