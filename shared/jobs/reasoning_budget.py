"""How many tokens the parts of a reasoning job's calls may take."""

from dataclasses import dataclass

from shared.errors import InvalidMessageError
from shared.jobs.reasoning_limits import ReasoningLimits
from shared.jobs.reasoning_profile import ReasoningProfile
from shared.jobs.reasoning_prompts import Call, Calls

_REPAIR_TOKENS = 500
"""What a repair adds besides the answer that it mends: what is wrong with it (1,000 characters), and the request."""
_SLACK_TOKENS = 100
"""Texts are counted piece by piece; together they may take a few tokens more."""
_MIN_MATERIAL_TOKENS = 600


@dataclass(frozen=True, slots=True)
class Budget:
    """In tokens. With all of it used, every call of the job, and its repair, fits ReasoningLimits.call_tokens.

    Attributes:
        material: inputs or notes in a call that solves, verifies or revises.
        part: inputs in a call that reads.
        merge: notes in a call that merges; at least four times `notes`, so that merging always makes them fewer.
        notes: longest output of a call that reads or merges. Shown to the next call, it takes twice as much at most.
    """

    material: int
    part: int
    merge: int
    notes: int


def budget_of(calls: Calls, profile: ReasoningProfile, limits: ReasoningLimits, base_model: str) -> Budget:
    """Share out the largest call.

    Raises:
        InvalidMessageError: the job's own words leave too little for anything else.
    """

    def left(call: Call, output: int, *given: int) -> int:
        """For material, beside the prompt, what else it holds, the output, and the repair of the output."""
        return limits.call_tokens - call.tokens(base_model) - sum(given) - output - _REPAIR_TOKENS - _SLACK_TOKENS

    plan, review = calls.max_tokens_of("plan"), calls.max_tokens_of("verify")
    solution = calls.solution_tokens
    material = min(
        left(calls.solve(""), solution, plan),
        left(calls.verify("", {}), review, solution),
        left(calls.revise("", (), {}, ()), solution, plan, solution, review),
    )
    merge = left(calls.merge("", 0), 0)
    read = left(calls.read("", 0), 0)
    needed = _MIN_MATERIAL_TOKENS if calls.has_inputs else 0
    if min(material, merge, read) < needed:
        raise InvalidMessageError(
            f"Task, instructions, schema and max_tokens take {limits.call_tokens - min(material, merge, read)} tokens "
            f"of a call, and a call may have {limits.call_tokens}: make them smaller, or allow larger calls "
            "(REASONING_CALL_TOKENS).",
            field="task",
        )
    notes = min(profile.steps["read"].max_tokens, profile.steps["merge"].max_tokens, min(material, merge, read) // 6)
    # Twice: the output, and the same again where it has to be repaired.
    return Budget(material, min(profile.part_tokens, read - 2 * notes), merge - 2 * notes, notes)
