"""What an audio job will need, by the length of its recording, before anything of it is heard."""

from typing import Any

from shared.audio.cuts import cut_counts
from shared.audio.prepare import AudioLimits
from shared.audio.transcript import Segment, Transcript
from shared.jobs.audio_analysis import AnalysisKind, AudioAnalysis
from shared.jobs.audio_manifest import PREPARE_STEP
from shared.jobs.call_needs import Needs, NeedsRange, summed

SPEECH_WORDS_A_MINUTE = 200
"""An assumption: 150 are usual in conversation, and few speak faster than this. A word of English has 1.3 tokens."""
_TOKENS_A_MINUTE = round(1.3 * SPEECH_WORDS_A_MINUTE)
_SEGMENT_TOKENS = 20


def transcription_needs(duration_s: float, limits: AudioLimits) -> NeedsRange:
    """Of the transcription deployment: a call for each chunk. Where chunks overlap, sound is billed twice.

    Args:
        limits: by which it will be cut.
    """
    least, most = cut_counts(duration_s, limits.longest_chunk_s, limits.overlap_s)
    heard_s = duration_s + (most - 1) * limits.overlap_s
    return NeedsRange(Needs(least, least, audio_s=duration_s), Needs(most, most, audio_s=heard_s))


def analysis_needs(analysis: AudioAnalysis, kind: AnalysisKind, duration_s: float) -> NeedsRange:
    """Of the chat deployment. At least nothing: what nobody speaks in isn't analysed."""
    transcript = _spoken(duration_s)
    outputs: dict[str, Any] = {}
    found: list[Needs] = []
    while (plan := analysis.plan(kind, transcript, (PREPARE_STEP,), outputs)).steps:
        for step in plan.steps:
            longest = analysis.max_tokens_of(step)
            found.append(Needs(1, step.tokens, step.tokens - longest, longest))
            lists: dict[str, list[str]] = {"key_points": [], "action_items": [], "topics": []}
            outputs[step.name] = {"output": {"summary": _text(longest), **lists, "language": "en"}}
    return NeedsRange(most=summed(found))


def _spoken(duration_s: float) -> Transcript:
    """A transcript of somebody who speaks fast, all the time."""
    count = max(1, round(duration_s / 60 * _TOKENS_A_MINUTE / _SEGMENT_TOKENS))
    return Transcript((Segment(0.0, duration_s, _text(_SEGMENT_TOKENS)),) * count, duration_s, "en")


def _text(tokens: int) -> str:
    return " ".join(["word"] * tokens)
