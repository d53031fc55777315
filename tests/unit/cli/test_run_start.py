"""What `sluice run start` makes of what it is given."""

from pathlib import Path

import pytest

from cli.run_start import Source
from shared.datasets.rows import DatasetError, InputRow


def test_the_files_of_a_folder_are_where_they_will_be_uploaded_to(tmp_path: Path) -> None:
    for name in ("b.mp3", "a ü.wav", ".hidden"):
        (tmp_path / name).touch()
    with Source("audio", tmp_path, constants={"analyse": "summary"}).mapped() as (dataset, mapping, _):
        rows = [row for row in dataset.rows if isinstance(row, InputRow)]
        assert [row.values for row in rows] == [{"file": "a ü.wav"}, {"file": "b.mp3"}]
        assert mapping.body("audio", rows[0].values) == {"audio": "audio-sent/a ü.wav", "analyse": "summary"}


def test_a_list_of_recordings_names_them_itself(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("audio\naudio-in/x.mp3\n")
    with Source("audio", tmp_path / "list.csv").mapped() as (dataset, mapping, _):
        (row,) = (row for row in dataset.rows if isinstance(row, InputRow))
        assert mapping.body("audio", row.values) == {"audio": "audio-in/x.mp3"}


def test_only_recordings_are_read_from_a_folder(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="folder"), Source("feedback", tmp_path).open():
        pass
