"""What jobs of several calls are said to need, on real storage and with FFmpeg, without an app."""

import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from cli.run_estimate import estimate
from cli.run_start import Source
from shared.bootstrap import Backend, connect
from shared.config import Settings
from tests.support.azurite import Azurite

SPEECH = Path(__file__).parents[3] / "cli" / "samples" / "inaugural.flac"


@pytest.fixture
async def system(shared_azurite: Azurite) -> AsyncIterator[Backend]:
    env = {
        "AzureWebJobsStorage": shared_azurite.connection_string,
        "ServiceBusConnection": "Endpoint=sb://nowhere",
        "AZURE_OPENAI_DEPLOYMENT_NAME": "gpt-4o-mini",
        "AZURE_OPENAI_REASONING_DEPLOYMENT_NAME": "thinker",
        "AZURE_OPENAI_REASONING_BASE_MODEL": "gpt-4o",
        "AZURE_OPENAI_TRANSCRIPTION_DEPLOYMENT_NAME": "whisper",
    }
    system = await connect(Settings.from_env(env))
    try:
        yield system
    finally:
        await system.close()


async def said(system: Backend, source: Source, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    capsys.readouterr()
    assert await estimate(system, source, as_json=True) == 0
    facts: dict[str, Any] = json.loads(capsys.readouterr().out)
    return facts


async def test_tasks(system: Backend, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tasks = [{"task": "Why?"}, {"task": " "}, {"task": "Sum up.", "inputs": [{"blob": "reasoning-in/notes.txt"}]}]
    (tmp_path / "tasks.jsonl").write_text("".join(f"{json.dumps(task)}\n" for task in tasks))
    facts = await said(system, Source("reasoning", tmp_path / "tasks.jsonl"), capsys)
    assert (facts["rows"], facts["rejected"], facts["jobs"]) == (3, 1, 2)
    low, high = facts["from"], facts["to"]
    assert (low["calls"], high["calls"]) == ({"thinker": 6}, {"thinker": 10})
    for name in ("input_tokens", "output_tokens", "cost", "duration_s"):
        assert 0 < low[name] < high[name]
    assert high["cost"] == pytest.approx((2.5 * high["input_tokens"] + 10 * high["output_tokens"]) / 1e6, abs=1e-4)
    assert any("1 jobs have inputs that are blobs" in note for note in facts["notes"])
    assert "SLUICE_URL" in facts["quota_note"]


async def test_a_folder_of_recordings(system: Backend, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("1.flac", "2 ü.flac"):
        shutil.copy(SPEECH, tmp_path / name)
    (tmp_path / "3.mp3").write_text("no sound at all")
    facts = await said(system, Source("audio", tmp_path, constants={"analyse": "summary"}), capsys)
    assert (facts["jobs"], facts["failing"]) == (3, {"audio_unreadable": 1})
    low, high = facts["from"], facts["to"]
    assert low["calls"] == {"whisper": 2, "gpt-4o-mini": 0}
    assert high["calls"] == {"whisper": 2, "gpt-4o-mini": 2}
    assert low["audio_s"] == pytest.approx(22, abs=0.2)
    assert low["cost"] == pytest.approx(22 / 60 * 0.006, abs=1e-4)
    assert high["cost"] > low["cost"]
    assert low["duration_s"] == pytest.approx(60.5 * 2 / 3 + 5, abs=0.1), "three requests a minute"


async def test_a_list_of_recordings_fetches_them(
    system: Backend, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    container = system.blobs.get_container_client("audio-in")
    if not await container.exists():
        await container.create_container()
    await container.upload_blob(f"{tmp_path.name}.flac", SPEECH.read_bytes(), overwrite=True)
    (tmp_path / "list.csv").write_text(f"recording\naudio-in/{tmp_path.name}.flac\naudio-in/nowhere.flac\n")
    facts = await said(system, Source("audio", tmp_path / "list.csv"), capsys)
    assert facts["failing"] == {"audio_missing": 1}
    assert facts["to"]["audio_s"] == pytest.approx(11, abs=0.1)
    await container.delete_blob(f"{tmp_path.name}.flac")


async def test_for_people(system: Backend, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "tasks.csv").write_text("Question\nWhy?\n")
    assert await estimate(system, Source("reasoning", tmp_path / "tasks.csv"), as_json=False) == 0
    shown = capsys.readouterr()
    assert [line.split() for line in shown.out.splitlines() if "calls of" in line] == [
        ["calls", "of", "thinker", "3", "5"]
    ]
    assert "a revision of each" in " ".join(shown.err.split()), "wherever lines are folded"
