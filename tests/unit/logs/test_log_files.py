"""Which files are rotated, and in which order they are shipped."""

import os
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from shared.logs.log_files import LocalFile, active_bytes, claimed, finish_left, in_order, is_rotated, rotated_files
from shared.telemetry.log_names import LogName


def test_names() -> None:
    rotated = [
        "a-vm.1.1-20261122-000001.jsonl",
        "app.log.2026-11-22",
        "app.log.2026-11-22_09-30",
        "app.log.2026-11-22_09",
    ]
    others = [
        *("a-vm.1.1-20261122-000001.jsonl.active", ".a-vm.1.1-20261122-000001.jsonl.active", "app.log", "app.log.1"),
        *(".shipped", "other.jsonl", "a b.log.2026-11-22"),
    ]
    assert [name for name in [*rotated, *others] if is_rotated(name)] == rotated


def write(folder: Path, name: str, modified_s: float) -> None:
    (folder / name).write_text("{}\n")
    os.utime(folder / name, (modified_s, modified_s))


def test_oldest_first(tmp_path: Path) -> None:
    write(tmp_path, "a-vm.2.1-20261122-000001.jsonl", 2.0)
    write(tmp_path, "a-vm.1.1-20261122-000002.jsonl", 3.0)
    write(tmp_path, "app.log.2026-11-22", 2.5)
    write(tmp_path, "a-vm.1.1-20261122-000001.jsonl", 1.0)
    (tmp_path / "a-vm.9.1-20261122-000001.jsonl").mkdir()
    found = [file.path.name for file in rotated_files(tmp_path)]
    assert found == [
        "a-vm.1.1-20261122-000001.jsonl",
        "a-vm.2.1-20261122-000001.jsonl",
        "app.log.2026-11-22",
        "a-vm.1.1-20261122-000002.jsonl",
    ]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 9), st.integers(0, 20)), unique_by=lambda t: t[:2]))
def test_an_instance_is_always_in_order(files: list[tuple[str, int, int]]) -> None:
    made = [LocalFile(Path(f"{i}{n}"), LogName("app", f"{i}.1.1", "20261122", n), 1, at, at) for i, n, at in files]
    ordered = in_order(made)
    assert sorted(f.path for f in ordered) == sorted(f.path for f in made)
    for instance in "abc":
        of_it = [f.name.n for f in ordered if f.name and f.name.instance == f"{instance}.1.1"]
        assert of_it == sorted(of_it)


def test_blob_names_have_a_folder_for_each_day(tmp_path: Path) -> None:
    write(tmp_path, "a-vm.1.1-20261122-000001.jsonl", 1.0)
    write(tmp_path, "app.log.2026-11-22", 86_400.0)
    assert {file.blob_name for file in rotated_files(tmp_path)} == {
        "20261122/a-vm.1.1-20261122-000001.jsonl.gz",
        "19700102/app.log.2026-11-22.gz",
    }


def test_a_folder_that_is_not_there_has_no_files(tmp_path: Path) -> None:
    assert rotated_files(tmp_path / "gone") == []
    assert finish_left(tmp_path / "gone") == []
    assert active_bytes(tmp_path / "gone") == 0


def test_a_file_that_cannot_be_looked_at_is_listed(tmp_path: Path) -> None:
    loop = tmp_path / "a-vm.1.1-20261122-000001.jsonl"
    loop.symlink_to(loop)
    (found,) = rotated_files(tmp_path)
    assert (found.path, found.size) == (loop, 0)


def test_on_a_share_only_old_leftovers_are_taken(tmp_path: Path) -> None:
    write(tmp_path, "a-vm.1.1-20261122-000001.jsonl.active", 1.0)
    (tmp_path / "a-vm.1.1-20261122-000002.jsonl.active").write_text("{}\n")
    assert active_bytes(tmp_path) == 6
    (finished,) = finish_left(tmp_path, older_than_s=900.0)
    assert finished.name == "a-vm.1.1-20261122-000001.jsonl"


def test_one_at_a_time_has_a_file(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("")
    with claimed(path) as first, claimed(path) as second:
        assert (first, second) == (True, False)
    with claimed(path) as third:
        assert third
