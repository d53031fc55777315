"""What is done with a transcript besides writing it down: the work of feedback jobs, or a summary."""

from typing import Any, Literal

from shared.audio.transcript import Transcript
from shared.jobs.feedback import FeedbackJob
from shared.jobs.kinds import Draft
from shared.jobs.steps import Outputs, Step
from shared.jobs.summary import LAST_STEP, Plan, Summariser
from shared.messages import FeedbackRequest
from shared.model.client import ModelClient

type AnalysisKind = Literal["feedback", "summary"]

_FEEDBACK_STEP = "feedback"


class AudioAnalysis:
    """Plans and makes the calls. A transcript that is too long for a feedback job is summed up first.

    Args:
        feedback: does the work of feedback jobs.
        summariser: sums up.
        deployment: of a chat model.
        max_text_chars: longest text of a feedback job.
    """

    def __init__(self, feedback: FeedbackJob, summariser: Summariser, deployment: str, max_text_chars: int) -> None:
        self._feedback = feedback
        self._summariser = summariser
        self._deployment = deployment
        self._max_text_chars = max_text_chars

    def plan(self, kind: AnalysisKind, transcript: Transcript, needs: tuple[str, ...], outputs: Outputs) -> Plan:
        """Decide what comes next.

        Args:
            transcript: of some text.
            needs: the steps that it comes from.
        """
        if kind == "summary":
            return self._summariser.plan(_pieces(transcript), needs, outputs)
        before = Plan((), 0, 0)
        if self._is_long(transcript):
            before = self._summariser.plan(_pieces(transcript), needs, outputs)
            if before.steps:
                return Plan(before.steps, before.done, before.total + 1)
            needs = (LAST_STEP,)
        if _FEEDBACK_STEP in outputs:
            return Plan((), before.done + 1, before.total + 1)
        tokens = self._feedback.estimate(self._request(transcript, outputs))
        step = Step(_FEEDBACK_STEP, "analysing the feedback", tokens, needs, self._deployment)
        return Plan((step,), before.done, before.total + 1)

    def max_tokens_of(self, step: Step) -> int:
        """Longest answer of a step's call."""
        return (self._feedback if step.name == _FEEDBACK_STEP else self._summariser).max_tokens

    async def run_step(
        self, step: Step, transcript: Transcript, outputs: Outputs, *, model: ModelClient, draft: Draft | None
    ) -> dict[str, Any]:
        """Make the call of a step. See StepwiseKind.

        Args:
            transcript: not looked at where the step doesn't need the steps that it comes from.
        """
        if step.name != _FEEDBACK_STEP:
            return await self._summariser.run_step(step, _pieces(transcript), outputs, model=model, draft=draft)
        return {"output": await self._feedback.run(self._request(transcript, outputs), model=model, draft=draft)}

    def result(self, kind: AnalysisKind, outputs: Outputs) -> dict[str, Any]:
        """What came of it, by kind; of long feedback the summary that was analysed, too."""
        results = {LAST_STEP: self._summariser.result(outputs)} if LAST_STEP in outputs else {}
        return results | ({_FEEDBACK_STEP: outputs[_FEEDBACK_STEP]["output"]} if kind == "feedback" else {})

    def _is_long(self, transcript: Transcript) -> bool:
        return len(transcript.text) > self._max_text_chars

    def _request(self, transcript: Transcript, outputs: Outputs) -> FeedbackRequest:
        """Of the summary where there is one."""
        if LAST_STEP in outputs:
            summary = outputs[LAST_STEP]["output"]
            text = "\n".join([summary["summary"], *summary["key_points"]])
            return FeedbackRequest(text=text, source="summary of a recording")
        return FeedbackRequest(text=transcript.text, language=transcript.language, source="recording")


def _pieces(transcript: Transcript) -> list[str]:
    return [segment.text for segment in transcript.segments]
