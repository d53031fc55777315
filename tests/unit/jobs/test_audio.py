"""The audio job: its rounds, what it asks of models, and what it makes of answers."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import pytest

from shared.audio.source import AudioNotAllowedError, AudioSources
from shared.config import Queues
from shared.errors import InvalidMessageError, ModelUnavailableError, PermanentError, StorageError
from shared.jobs.audio import AudioJob
from shared.jobs.audio_analysis import AudioAnalysis
from shared.jobs.audio_manifest import ChunkBlob, Manifest
from shared.jobs.audio_transcription import LostChunkError
from shared.jobs.feedback import FeedbackJob
from shared.jobs.feedback_profile import FeedbackProfile
from shared.jobs.steps import Step, StepJob
from shared.jobs.summary import Summariser
from shared.jobs.summary_profile import SummaryProfile
from shared.model.client import Completion, SpokenSegment, Transcription, Usage
from tests.support.memory import MemoryBlobs
from tests.support.step_driver import Driven, drive
from tests.support.subtitles import read_srt, read_vtt

FEEDBACK = {
    "sentiment": {"label": "negative", "score": -0.8},
    "category": "delivery",
    "hashtags": ["#delivery"],
    "summary": "It came late.",
    "suggested_action": "Apologise.",
    "urgency": "high",
    "language": "en",
}
SUMMARY = {
    "summary": "The kettle came late.",
    "key_points": ["It is red."],
    "action_items": [],
    "topics": ["kettle"],
    "language": "en",
}
QUEUES = Queues("audio-in", "audio-run", "audio-out")


class Listener:
    """A ModelService: hears in each chunk what the test says, and answers chats by their schema."""

    def __init__(self, heard: Mapping[bytes, list[SpokenSegment] | str | Exception], language: str = "english") -> None:
        self.calls: list[dict[str, Any]] = []
        self.prompts: list[str] = []
        self._heard = heard
        self._language = language

    async def transcribe(self, audio: bytes, filename: str, **options: Any) -> Transcription:
        self.calls.append({"audio": audio, "filename": filename, **options})
        heard = self._heard[audio]
        if isinstance(heard, Exception):
            raise heard
        if isinstance(heard, str):
            return Transcription(heard, (), "gpt-4o-transcribe")
        return Transcription("".join(s.text for s in heard), tuple(heard), "whisper", self._language)

    async def chat_completion(self, messages: Any, model: str | None = None, **options: Any) -> Completion:
        self.prompts.append(messages[-1]["content"])
        kind = options["response_format"]["json_schema"]["name"]
        answer = json.dumps(FEEDBACK if kind == "feedback" else SUMMARY)
        return Completion(answer, "gpt-4o", "stop", Usage(1, 1))


class World:
    """An audio job, its containers, and a recording of chunks that is prepared."""

    def __init__(
        self, *chunks: tuple[float, float, bytes], max_text_chars: int = 20_000, analyses: bool = True, **options: Any
    ) -> None:
        self.chunks, self.files = MemoryBlobs("payloads"), MemoryBlobs("audio-out")
        blobs = []
        for index, (start_s, end_s, data) in enumerate(chunks):
            name = f"audio/job-1/audio/{index:04}.flac"
            self.chunks.blobs[name] = data
            digest = hashlib.sha256(data).hexdigest()
            blobs.append(ChunkBlob(index, start_s, end_s, 0.0, name, len(data), digest))
        length_s = chunks[-1][1] if chunks else 0.0
        self.manifest = Manifest(length_s, "mp3", "mp3", tuple(blobs), {"container": "audio-in", "name": "a.mp3"})
        feedback = FeedbackJob(FeedbackProfile.load(), QUEUES, max_text_chars)
        small = SummaryProfile.load().model_copy(update={"part_tokens": 400, "max_tokens": 100})
        analysis = AudioAnalysis(feedback, Summariser(small, "chat"), "chat", max_text_chars)
        sources = AudioSources("https://acct.blob.core.windows.net", ["audio-in"])
        self.job = AudioJob(
            QUEUES, "ear", sources, self.chunks, self.files, self._cut, analysis if analyses else None, **options
        )

    async def run(self, model: Listener, outputs: dict[str, Any] | None = None, **request: Any) -> Driven:
        body = json.dumps({"audio": "audio-in/a.mp3", **request}).encode()
        kept = {"prepare": self.prepared} if outputs is None else outputs
        return await drive(self.job, body, model, outputs=kept)

    async def _cut(self, job: StepJob) -> dict[str, Any]:
        return self.prepared

    @property
    def prepared(self) -> dict[str, Any]:
        """The manifest, as it is kept: JSON."""
        kept: dict[str, Any] = json.loads(json.dumps(self.manifest.as_dict()))
        return kept

    def text(self, file: str) -> str:
        return self.files.blobs[file.removeprefix("audio-out/")].decode()


TWO = ((0.0, 10.0, b"one"), (10.0, 18.0, b"two"))
HEARD: dict[bytes, list[SpokenSegment] | str | Exception] = {
    b"one": [SpokenSegment(0.5, 4.0, " The kettle is red."), SpokenSegment(4.5, 9.5, " It came late.")],
    b"two": [SpokenSegment(1.0, 3.0, " I am <angry> & sad.")],
}
TEXT = "The kettle is red. It came late. I am <angry> & sad."


async def test_a_recording_is_written_down() -> None:
    world, model = World(*TWO), Listener(HEARD)
    driven = await world.run(model, audio_id="call-7", metadata={"order": 7})

    assert driven.names == [["transcribe-0001", "transcribe-0002"]]
    files = {ending: f"audio-out/reasoning/job-1/transcript.{ending}" for ending in ("json", "txt", "srt", "vtt")}
    assert driven.result == {
        "audio_id": "call-7",
        "metadata": {"order": 7},
        "text": TEXT,
        "language": "en",
        "duration_s": 18.0,
        "files": files,
        "chunks": 2,
    }
    assert world.text(files["txt"]) == f"{TEXT}\n"
    assert json.loads(world.text(files["json"])) == {
        "text": TEXT,
        "language": "en",
        "duration_s": 18.0,
        "segments": [
            {"start_s": 0.5, "end_s": 4.0, "text": "The kettle is red."},
            {"start_s": 4.5, "end_s": 9.5, "text": "It came late."},
            {"start_s": 11.0, "end_s": 13.0, "text": "I am <angry> & sad."},
        ],
    }
    for read in (read_srt(world.text(files["srt"])), read_vtt(world.text(files["vtt"]))):
        assert [(cue.start_ms, cue.lines) for cue in read] == [
            (500, ["The kettle is red."]),
            (4500, ["It came late."]),
            (11_000, ["I am <angry> & sad."]),
        ]
    assert world.chunks.blobs == {}, "the chunks are of no more use"


async def test_steps_say_what_they_cost_and_need() -> None:
    world = World(*TWO)
    job = StepJob("job-1", world.job.decode(b'{"audio": "audio-in/a.mp3", "analyse": "summary"}'), "audio/job-1")
    round_ = await world.job.next_round(job, {"prepare": world.prepared})
    assert round_.steps[0] == Step("transcribe-0001", "transcribing part 1 of 2", 1, ("prepare",))
    assert (round_.behind, round_.total) == (0, 3)
    assert world.job.estimate(job.request) == 1
    assert (world.job.name, world.job.deployment, world.job.queues) == ("audio", "ear", QUEUES)


async def test_what_models_are_asked() -> None:
    model = Listener(HEARD)
    await World(*TWO).run(model, language="en", prompt="Names: Ann.")
    assert sorted(model.calls, key=lambda call: call["filename"]) == [
        {"audio": b"one", "filename": "0000.flac", "model": None, "language": "en", "prompt": "Names: Ann."},
        {"audio": b"two", "filename": "0001.flac", "model": None, "language": "en", "prompt": "Names: Ann."},
    ]
    model = Listener(HEARD)
    await World(*TWO).run(model)
    assert {(call["language"], call["prompt"]) for call in model.calls} == {(None, None)}


async def test_the_language_is_the_one_that_was_given_or_heard_most() -> None:
    assert (await World(*TWO).run(Listener(HEARD, "german"))).result["language"] == "de"
    assert (await World(*TWO).run(Listener(HEARD, "german"), language="fr")).result["language"] == "fr"
    assert (await World(*TWO).run(Listener(HEARD, "klingon"))).result["language"] is None


async def test_seams_are_merged() -> None:
    world = World((0.0, 10.0, b"one"), (8.0, 14.0, b"two"))
    heard: dict[bytes, Any] = {
        b"one": [SpokenSegment(6.0, 10.0, " the kettle is red and it whistles too")],
        b"two": [SpokenSegment(0.0, 4.0, " and it whistles too loudly for us.")],
    }
    driven = await world.run(Listener(heard))
    assert driven.result["text"] == "the kettle is red and it whistles too loudly for us."


async def test_models_without_times() -> None:
    driven = await World(*TWO).run(Listener({b"one": "The kettle is red.", b"two": "It came late."}), timestamps=True)
    assert driven.result["segments"] == [
        {"start_s": 0.0, "end_s": 10.0, "text": "The kettle is red."},
        {"start_s": 10.0, "end_s": 18.0, "text": "It came late."},
    ]


async def test_segments_come_on_request() -> None:
    result = (await World(*TWO).run(Listener(HEARD), timestamps=True)).result
    assert [s["start_s"] for s in result["segments"]] == [0.5, 4.5, 11.0]
    assert "segments" not in (await World(*TWO).run(Listener(HEARD))).result


async def test_what_is_large_is_in_the_files() -> None:
    world = World(*TWO, max_inline_bytes=60)
    result = (await world.run(Listener(HEARD), timestamps=True)).result
    assert result["text"] == TEXT
    assert result["segments_blob"] == result["files"]["json"]
    assert "segments" not in result
    result = (await World(*TWO, max_inline_bytes=50).run(Listener(HEARD))).result
    assert result["text_blob"] == result["files"]["txt"]
    assert "text" not in result


async def test_nothing_said_is_a_result() -> None:
    world, model = World(*TWO), Listener({b"one": [], b"two": " \n"})
    driven = await world.run(model, analyse="feedback", timestamps=True)
    files = driven.result.pop("files")
    assert driven.result == {
        "text": "",
        "language": None,
        "duration_s": 18.0,
        "segments": [],
        "chunks": 2,
        "analysis": None,
        "analysis_skipped": "no_speech",
    }
    assert model.prompts == []
    assert world.text(files["txt"]) == world.text(files["srt"]) == ""
    assert read_vtt(world.text(files["vtt"])) == []


async def test_a_summary() -> None:
    model = Listener(HEARD)
    driven = await World(*TWO).run(model, analyse="summary")
    assert driven.names == [["transcribe-0001", "transcribe-0002"], ["summary"]]
    assert [(r.behind, r.total) for r in driven.rounds] == [(0, 3), (2, 3)]
    assert driven.rounds[1].steps[0].deployment == "chat"
    assert driven.result["analysis"] == {"summary": {**SUMMARY, "profile_version": "1"}}
    assert TEXT in model.prompts[0]


async def test_feedback() -> None:
    model = Listener(HEARD)
    driven = await World(*TWO).run(model, analyse="feedback")
    assert driven.names == [["transcribe-0001", "transcribe-0002"], ["feedback"]]
    step = driven.rounds[1].steps[0]
    assert (step.needs, step.deployment) == (("prepare", "transcribe-0001", "transcribe-0002"), "chat")
    assert step.tokens > 500
    assert driven.result["analysis"] == {"feedback": {**FEEDBACK, "profile_version": "1"}}
    assert TEXT in model.prompts[0]


async def test_long_feedback_is_summed_up_first() -> None:
    long = [SpokenSegment(i, i + 1, f" The kettle number {i} is red and came late.") for i in range(100)]
    model = Listener({b"one": long})
    driven = await World((0.0, 100.0, b"one"), max_text_chars=500).run(model, analyse="feedback")
    names = driven.names
    assert (names[0], names[-2:]) == (["transcribe-0001"], [["summary"], ["feedback"]])
    assert names[1][0] == "summary-1-0001"
    assert driven.rounds[-1].steps[0].needs == ("summary",)
    assert [(r.behind, r.total) for r in driven.rounds] == [
        (0, 2),
        (1, len(names[1]) + 3),
        (1 + len(names[1]), len(names[1]) + 3),
        (2 + len(names[1]), len(names[1]) + 3),
    ]
    assert "The kettle came late.\nIt is red." in model.prompts[-1]
    assert driven.result["analysis"] == {
        "summary": {**SUMMARY, "profile_version": "1"},
        "feedback": {**FEEDBACK, "profile_version": "1"},
    }


async def test_what_is_done_is_not_done_again() -> None:
    """The host dies after the first chunk, and again after finish() has written its files."""
    world = World(*TWO)
    outputs: dict[str, Any] = {"prepare": world.prepared}
    with pytest.raises(ModelUnavailableError):
        await world.run(Listener({**HEARD, b"two": ModelUnavailableError()}), outputs)
    assert set(outputs) == {"prepare", "transcribe-0001"}

    again = Listener(HEARD)
    first = await world.run(again, outputs, analyse="summary")
    assert [call["audio"] for call in again.calls] == [b"two"]
    files = dict(world.files.blobs)
    third = Listener({})
    assert (await world.run(third, outputs, analyse="summary")).result == first.result
    assert (third.calls, third.prompts) == ([], [])
    assert world.files.blobs == files


async def test_outputs_are_json() -> None:
    world = World(*TWO)
    outputs: dict[str, Any] = {"prepare": world.prepared}
    await world.run(Listener(HEARD), outputs, analyse="summary")
    assert json.loads(json.dumps(outputs)) == outputs


@pytest.mark.parametrize("change", ["gone", "other", "longer"])
async def test_chunks_must_be_what_was_prepared(change: str) -> None:
    world = World(*TWO)
    name = world.manifest.chunks[1].blob
    if change == "gone":
        del world.chunks.blobs[name]
    else:
        world.chunks.blobs[name] = b"tow" if change == "other" else b"two!"
    with pytest.raises(LostChunkError, match="Replay the job"):
        await world.run(Listener(HEARD))


async def test_storage_that_is_away_is_no_lost_chunk() -> None:
    world = World(*TWO)
    world.chunks.failing = True
    with pytest.raises(StorageError):
        await world.run(Listener(HEARD))


def test_refusals_at_the_door() -> None:
    with pytest.raises(AudioNotAllowedError):
        World().job.decode(b'{"audio": "sluice-payloads/x"}')
    with pytest.raises(InvalidMessageError, match="language"):
        World().job.decode(b'{"audio": "audio-in/x", "language": "xx"}')
    with pytest.raises(InvalidMessageError) as caught:
        World(analyses=False).job.decode(b'{"audio": "audio-in/x", "analyse": "feedback"}')
    assert caught.value.field == "analyse"


async def test_an_app_that_lost_its_chat_deployment() -> None:
    job = World().job
    request = job.decode(b'{"audio": "audio-in/x", "analyse": "summary"}')
    world = World(*TWO, analyses=False)
    outputs: dict[str, Any] = {"prepare": world.prepared}
    await world.run(Listener(HEARD), outputs)
    with pytest.raises(PermanentError, match="no chat deployment"):
        await world.job.next_round(StepJob("job-1", request, "audio/job-1"), outputs)


async def test_ten_hours() -> None:
    """In chunks of five minutes that overlap."""
    chunks = [(290.0 * i, 290.0 * i + 300.0, f"{i}".encode()) for i in range(124)]
    heard: dict[bytes, Any] = {
        data: [
            SpokenSegment(5.0 * s, 5.0 * s + 4.9, f" sentence {round(start_s / 5) + s} of this long recording is this")
            for s in range(60)
        ]
        for start_s, _, data in chunks
    }
    world = World(*chunks)
    driven = await world.run(Listener(heard))
    spoken = [f"sentence {n} of this long recording is this" for n in range(58 * 123 + 60)]
    assert json.loads(world.text(driven.result["files"]["json"]))["text"] == " ".join(spoken)
    assert "text_blob" in driven.result
