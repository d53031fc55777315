"""The settings of jobs: their queues, containers and limits, and how long they are kept."""

from dataclasses import dataclass
from pathlib import Path

from shared.config_reader import Reader
from shared.config_setting import Form


@dataclass(frozen=True, slots=True)
class Queues:
    """The Service Bus queues of one kind of job."""

    inbox: str
    run: str
    outbox: str


@dataclass(frozen=True, slots=True)
class RetentionSettings:
    """How long jobs that have ended are kept.

    Attributes:
        days: after the end; 0 keeps them for ever.
        minutes: longest run of one night's purge; it goes on the next night.
    """

    days: int
    minutes: float


@dataclass(frozen=True, slots=True)
class AudioSettings:
    """What recordings are accepted, and how they are cut.

    Attributes:
        ffmpeg_path: the executable; None where it is to be looked for.
        max_bytes: largest file.
        max_duration_s: longest recording.
        chunk_s: longest chunk; 25 MB hold 819 s of 16 kHz mono in the worst case.
        overlap_s: how much two chunks share where there is no pause between them.
        timeout_s: for all of FFmpeg's work on one file.
    """

    ffmpeg_path: str | None
    max_bytes: int
    max_duration_s: float
    chunk_s: float
    overlap_s: float
    timeout_s: float


@dataclass(frozen=True, slots=True)
class ReasoningSettings:
    """The bounds of reasoning jobs.

    Attributes:
        profile: None for the one that comes with the app.
        containers: from which inputs may be read.
        context_tokens: what the model takes in and gives out in one call.
        call_tokens: largest call.
        max_tokens: longest output of a call that solves, where the job names none.
        max_samples: how many a job may ask for.
        max_input_chars: of all inputs of a job together.
    """

    profile: Path | None
    containers: tuple[str, ...]
    context_tokens: int
    call_tokens: int
    max_tokens: int
    max_samples: int
    max_input_chars: int


def read_feedback_queues(reader: Reader) -> Queues:
    """The queues of feedback jobs."""
    return _queues(reader.of("Feedback"), "FEEDBACK", "FEEDBACK_FORM", "RUN")


def read_reasoning_queues(reader: Reader) -> Queues:
    """The queues of reasoning jobs."""
    return _queues(reader.of("Reasoning"), "REASONING", "REASONER", "RUN")


def read_audio_queues(reader: Reader) -> Queues:
    """The queues of audio jobs."""
    return _queues(reader.of("Audio"), "AUDIO", "WHISPER", "PREPARE")


def _queues(reader: Reader, kind: str, second: str, run: str) -> Queues:
    """Needed when the app is indexed, so every name has a default."""

    def queue(role: str, effect: str, *aliases: str) -> str:
        default = f"{kind}-{role}".lower()
        return reader.text(f"{kind}_{role}_QUEUE", *aliases, default=default, form=Form.QUEUE, effect=effect)

    return Queues(
        inbox=queue("IN", "where jobs come in", f"{second}_IN_QUEUE"),
        run=queue(run, "where they wait for their turn to run" if run == "RUN" else "where FFmpeg takes them from"),
        outbox=queue("OUT", "where results go", f"{second}_OUT_QUEUE"),
    )


def read_audio_container(reader: Reader) -> str:
    """The blob container whose files become audio jobs. Needed when the app is indexed."""
    return reader.of("Audio").text(
        "AUDIO_IN_CONTAINER",
        default="audio-in",
        form=Form.CONTAINER,
        effect="blob container whose files become audio jobs",
    )


def read_retention(reader: Reader) -> RetentionSettings:
    """How long jobs are kept."""
    reader = reader.of("Retention")
    return RetentionSettings(
        days=reader.whole(
            "SLUICE_RETENTION_DAYS",
            30,
            low=0,
            high=3650,
            effect="jobs are deleted so many days after they ended and were published, with all that belongs to them; "
            "0 keeps them for ever",
        ),
        minutes=reader.number(
            "SLUICE_RETENTION_MINUTES",
            5,
            low=0.1,
            high=60,
            effect="longest run; what is left is done in the next. Keep it below the function timeout",
        ),
    )


def read_reasoning(reader: Reader) -> ReasoningSettings:
    """The bounds of reasoning jobs."""
    reader = reader.of("Reasoning")
    return ReasoningSettings(
        profile=reader.path(
            "REASONING_PROFILE", default_is="`shared/jobs/reasoning.yaml`", effect="YAML file with the prompts"
        ),
        containers=reader.names(
            "REASONING_CONTAINERS",
            "reasoning-in",
            form=Form.CONTAINER,
            effect="containers of the app's own account from which inputs may be read",
        ),
        context_tokens=reader.whole(
            "REASONING_CONTEXT_TOKENS",
            128_000,
            low=4_000,
            high=10_000_000,
            effect="what the model takes in and gives out in one call",
        ),
        call_tokens=reader.whole(
            "REASONING_CALL_TOKENS",
            50_000,
            low=4_000,
            high=10_000_000,
            effect="largest call; at most half of the deployment's tokens a minute, so that one job can't keep all "
            "others waiting",
        ),
        max_tokens=reader.whole(
            "REASONING_MAX_TOKENS",
            2_000,
            low=64,
            high=100_000,
            effect="longest output of a call that solves, where the job names none",
        ),
        max_samples=reader.whole(
            "REASONING_MAX_SAMPLES", 10, low=1, high=100, effect="how many `samples` a job may ask for"
        ),
        max_input_chars=reader.whole(
            "REASONING_MAX_INPUT_CHARS",
            10_000_000,
            low=1_000,
            high=1_000_000_000,
            effect="longest input: all of a job's together",
        ),
    )


def read_audio(reader: Reader) -> AudioSettings:
    """How recordings are prepared.

    Raises:
        ConfigurationError: names the setting that is wrong.
    """
    reader = reader.of("Audio")
    chunk_s = reader.number(
        "AUDIO_CHUNK_S", 300, low=10, high=800, effect="longest chunk; 25 MB hold 810 s in the worst case"
    )
    return AudioSettings(
        ffmpeg_path=reader.text(
            "FFMPEG_PATH",
            effect="full path of the `ffmpeg` program, or its name in `PATH`; without it `PATH` is searched, then the "
            "package `imageio-ffmpeg`, which is deployed with the app. Where it is set and can't be run, no other one "
            "is used instead",
        ),
        max_bytes=reader.whole(
            "AUDIO_MAX_BYTES",
            1_000_000_000,
            low=1_000,
            high=100_000_000_000,
            effect="largest file. It has to fit on the temporary disk together with "
            "[what is made of it](audio.md#what-it-takes)",
        ),
        max_duration_s=reader.number(
            "AUDIO_MAX_DURATION_S", 4 * 3600, low=1, high=24 * 3600, effect="longest recording"
        ),
        chunk_s=chunk_s,
        # More would send most of the recording twice.
        overlap_s=reader.number(
            "AUDIO_OVERLAP_S",
            min(5.0, chunk_s / 4),
            low=0,
            high=chunk_s / 4,
            default_is="5, or a quarter of the chunk",
            effect="how much two chunks share where there is no pause between them: at most a quarter of the chunk",
        ),
        timeout_s=reader.number(
            "AUDIO_FFMPEG_TIMEOUT_S",
            300,
            low=1,
            high=24 * 3600,
            effect="for all of FFmpeg's work on one file. Keep it below the function timeout",
        ),
    )
