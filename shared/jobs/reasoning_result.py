"""What a finished reasoning job answers."""

from collections.abc import Mapping
from typing import Any

from shared.jobs.reasoning_answer import check_answer
from shared.jobs.reasoning_confidence import Review, Signals, confidence
from shared.jobs.reasoning_rounds import finished_steps, refused, title_of
from shared.jobs.reasoning_vote import answer_key, vote
from shared.jobs.reasoning_work import Work, candidate_of, candidates, kind_of
from shared.jobs.steps import Outputs

_SUMMARY_CHARS = 500


def result_of(work: Work, outputs: Outputs) -> dict[str, Any]:
    """The result, by the outputs of all steps.

    Raises:
        InvalidOutputError: the answer doesn't fit the caller's schema.
    """
    names = finished_steps(work, outputs)
    chosen = outputs[candidate_of(names, outputs)]
    check_answer(chosen["answer"], work.request.response_schema)
    evidence = work.evidence(chosen)
    review = _review(outputs)
    signals = Signals(
        review=review,
        reported=_reported(work, names, outputs),
        agreeing=sum(answer_key(outputs[name]["answer"]) == answer_key(chosen["answer"]) for name in _solves(names)),
        samples=work.request.samples,
        quotes=len(evidence.quotes),
        dropped=evidence.dropped,
        has_inputs=bool(work.texts),
    )
    echo = {"reasoning_id": work.request.reasoning_id, "metadata": work.request.metadata}
    steps = [_step(name, work, outputs[name]) for name in names]
    return {
        **{name: value for name, value in echo.items() if value is not None},
        "answer": chosen["answer"],
        "confidence": confidence(signals),
        "verification": review.value,
        "evidence": [quote.as_json() for quote in evidence.quotes],
        "dropped_quotes": evidence.dropped,
        "steps": steps,
        "usage": {unit: sum(step["usage"][unit] for step in steps) for unit in ("input_tokens", "output_tokens")},
    }


def _review(outputs: Outputs) -> Review:
    if not refused(outputs["verify"]):
        return Review.ACCEPTED
    return Review.REFUSED if refused(outputs["verify-2"]) else Review.ACCEPTED_AFTER_REVISION


def _reported(work: Work, names: list[str], outputs: Outputs) -> float:
    """What the model says of the answer: of several samples, those that agree on it."""
    if "revise" in names or work.request.samples == 1:
        return float(outputs[candidate_of(names, outputs)]["confidence"])
    return vote(candidates(_solves(names), outputs)).confidence


def _solves(names: list[str]) -> list[str]:
    return [name for name in names if kind_of(name) == "solve"]


def _step(name: str, work: Work, output: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "title": title_of(name, work),
        "summary": _shortened(_summary(kind_of(name), output)),
        "usage": output["usage"],
        "model": output["model"],
    }


def _summary(kind: str, output: Mapping[str, Any]) -> str:
    match kind:
        case "plan":
            return " ".join(f"{number}. {one}" for number, one in enumerate(output["plan"], 1))
        case "read" | "merge":
            return f"{len(output['notes'])} notes, {len(output['quotes'])} quotes, {output['dropped']} dropped"
        case "verify":
            return f"{output['verdict']}: {' '.join(output['problems']) or output['check']}"
    return str(output["reasoning"])


def _shortened(text: str) -> str:
    return text if len(text) <= _SUMMARY_CHARS else text[: _SUMMARY_CHARS - 1] + "…"
