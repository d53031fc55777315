"""What `sluice send` makes of files and options."""

import json
from pathlib import Path

import pytest
import typer

from cli.audio_files import is_media
from cli.inputs import FORMS, BadLine, InputJob, read_jobs
from cli.main import _fields


def bodies(path: Path, kind: str) -> list[dict[str, object]]:
    return [json.loads(item.body) for item in read_jobs(str(path), FORMS[kind]) if isinstance(item, InputJob)]


def test_lines_of_text_are_comments_or_tasks(tmp_path: Path) -> None:
    (tmp_path / "lines.txt").write_text("one\n\ntwo\n")
    assert bodies(tmp_path / "lines.txt", "feedback") == [{"text": "one"}, {"text": "two"}]
    assert bodies(tmp_path / "lines.txt", "reasoning") == [{"task": "one"}, {"task": "two"}]


def test_fields_that_a_kind_does_not_have_move_to_its_metadata(tmp_path: Path) -> None:
    (tmp_path / "jobs.jsonl").write_text('{"id": 7, "task": "t", "rating": 3}\n')
    assert bodies(tmp_path / "jobs.jsonl", "reasoning") == [
        {"task": "t", "reasoning_id": "7", "metadata": {"rating": 3}}
    ]


def test_bad_lines_are_named(tmp_path: Path) -> None:
    (tmp_path / "jobs.jsonl").write_text('{"task": "t"}\n{\n[1]\n')
    found = list(read_jobs(str(tmp_path / "jobs.jsonl"), FORMS["reasoning"]))
    assert [item.line for item in found if isinstance(item, BadLine)] == [2, 3]


@pytest.mark.parametrize(
    ("source", "media"),
    [("a.mp3", True), ("b.WEBM", True), ("jobs.jsonl", False), ("jobs.JSON", False), ("-", False), (".", True)],
)
def test_what_is_taken_for_sound(source: str, media: bool) -> None:
    assert is_media(source) is media


def test_fields_for_every_job() -> None:
    given = _fields(["analyse=summary", "samples=3", "timestamps=true", "note=a=b"])
    assert given == {"analyse": "summary", "samples": 3, "timestamps": True, "note": "a=b"}
    with pytest.raises(typer.BadParameter):
        _fields(["nothing"])
