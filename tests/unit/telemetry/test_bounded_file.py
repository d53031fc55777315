"""The files of the exporter `file`: whole lines of several processes, and never too many bytes."""

import subprocess
import sys
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.telemetry.bounded_file import BoundedFile, lines, older


def test_lines_are_read_in_the_order_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "new" / "spans.jsonl"
    file = BoundedFile(path, 60)
    for number in range(5):
        assert file.write(f"line {number}\n") == 7
    assert list(lines(path)) == [f"line {number}\n" for number in range(5)]
    assert older(path).read_text() == "line 0\nline 1\nline 2\nline 3\n"


def test_a_line_that_is_not_whole_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "spans.jsonl"
    assert list(lines(path)) == []
    path.write_text("whole\ntor")
    assert list(lines(path)) == ["whole\n"]


@settings(max_examples=30, deadline=None)
@given(sizes=st.lists(st.integers(1, 60), max_size=40))
def test_it_never_grows_beyond_its_bound(tmp_path_factory, sizes: list[int]) -> None:  # noqa: ANN001
    path = tmp_path_factory.mktemp("files") / "f"
    file = BoundedFile(path, 100)
    for number, size in enumerate(sizes):
        file.write(f"{number % 10}" * (size - 1) + "\n")
        both = [half.stat().st_size for half in (path, older(path)) if half.exists()]
        assert sum(both) <= 100
    if fitting := [size for size in sizes if size <= 50]:
        assert len(list(lines(path))[-1]) == fitting[-1]


_WRITER = """
import sys
from pathlib import Path
from shared.telemetry.bounded_file import BoundedFile
file = BoundedFile(Path(sys.argv[1]), 60_000)
for _ in range(200):
    file.write(sys.argv[2] * 99 + "\\n")
"""


def test_several_processes_share_it(tmp_path: Path) -> None:
    path = tmp_path / "f"
    writers = [
        subprocess.Popen([sys.executable, "-c", _WRITER, path, letter], cwd=Path(__file__).parents[3])
        for letter in "abc"
    ]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    found = list(lines(path))
    assert {len(line) for line in found} == {100}
    assert {line[:99] for line in found} <= {letter * 99 for letter in "abc"}
    assert 300 <= len(found) <= 600  # at least the full half is kept
