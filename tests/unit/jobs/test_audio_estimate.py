"""What audio jobs are said to need, by the length of their recordings."""

import pytest

from shared.audio.prepare import AudioLimits
from shared.config import Queues
from shared.jobs.audio_analysis import AnalysisKind, AudioAnalysis
from shared.jobs.audio_estimate import analysis_needs, transcription_needs
from shared.jobs.call_needs import Needs
from shared.jobs.feedback import FeedbackJob
from shared.jobs.feedback_profile import FeedbackProfile
from shared.jobs.summary import Summariser
from shared.jobs.summary_profile import SummaryProfile

LIMITS = AudioLimits(max_bytes=1_000_000, max_duration_s=36_000, chunk_s=600, overlap_s=5, timeout_s=60)


def analysis(max_text_chars: int = 10_000) -> AudioAnalysis:
    feedback = FeedbackJob(FeedbackProfile.load(), Queues("in", "run", "out"), max_text_chars)
    profile = SummaryProfile.load().model_copy(update={"part_tokens": 2_000, "max_tokens": 400})
    return AudioAnalysis(feedback, Summariser(profile, "gpt"), "gpt", max_text_chars)


def test_a_call_for_each_chunk() -> None:
    needs = transcription_needs(600, LIMITS)
    assert needs.least == needs.most == Needs(1, 1, audio_s=600)
    needs = transcription_needs(3_600, LIMITS)
    assert (needs.least.calls, needs.most.calls) == (6, 8)
    assert (needs.least.audio_s, needs.most.audio_s) == (3_600, 3_635)


@pytest.mark.parametrize(("kind", "calls"), [("summary", 1), ("feedback", 1)])
def test_a_short_recording_takes_one_call_or_none(kind: AnalysisKind, calls: int) -> None:
    needs = analysis_needs(analysis(), kind, 60)
    assert needs.least == Needs(), "nobody may be speaking"
    assert needs.most.calls == calls
    assert needs.most.input_tokens > 260
    assert needs.most.charged_tokens == needs.most.input_tokens + needs.most.output_tokens


def test_a_long_one_is_summed_up_in_parts_and_feedback_of_it_takes_one_call_more() -> None:
    summary = analysis_needs(analysis(), "summary", 3_600).most
    assert summary.calls > 8
    assert summary.input_tokens > 60 * 260
    assert analysis_needs(analysis(), "feedback", 3_600).most.calls == summary.calls + 1
