"""What a reasoning job will need, before any of its calls is made.

Which calls there are follows from the request and the length of its inputs, but for two things that only the answers
tell: how long the notes on parts are, so how often they are merged, and whether the verification refuses the answer. At
least, answers are short and right; at most, each is as long as it may be, and one revision follows. Calls that are
repeated are in neither.
"""

from shared.jobs.call_needs import Needs, NeedsRange, summed
from shared.jobs.reasoning_prompts import Call
from shared.jobs.reasoning_rounds import packed
from shared.jobs.reasoning_work import Work

LEAST_ANSWER_TOKENS = 10
"""An answer is a JSON object: its braces and the names of its fields take as much."""


def needs_of(work: Work) -> NeedsRange:
    """See above."""
    calls, samples = work.calls, work.request.samples
    planned = work.request.effort != "low"
    plan = calls.max_tokens_of("plan") if planned else 0
    solution, review = calls.solution_tokens, calls.max_tokens_of("verify")
    material = "" if work.parts else calls.whole(work.texts)
    empty = {"answer": "", "evidence": []} if work.texts else {"answer": ""}
    merges, notes = _merges(work)
    solve, verify = calls.solve(material), calls.verify(material, empty)
    revise = calls.revise(material, (), empty, ())
    # Each with what its prompt shows at most of the answers before it.
    sure = [
        *((work.call(f"read-{number:04}", (), {}), 0) for number in range(1, len(work.parts) + 1)),
        *([(calls.plan(), 0)] if planned else []),
        *[(solve, plan + notes)] * samples,
        (verify, solution + notes),
    ]
    perhaps = [*merges, (revise, plan + notes + solution + review), (verify, solution + notes)]
    return NeedsRange(
        summed([_least(call, work.base_model) for call, _ in sure]),
        summed([_most(call, shown, work.base_model) for call, shown in [*sure, *perhaps]]),
    )


def _merges(work: Work) -> tuple[list[tuple[Call, int]], int]:
    """The calls that merge notes which are all as long as they may be; and how long what is left of them is."""
    # Shown to the next call, they take twice as much at most: see Budget.
    longest = 2 * work.budget.notes
    sizes = [longest] * len(work.parts)
    found: list[tuple[Call, int]] = []
    while sum(sizes) > work.budget.material:
        groups = list(packed([str(size) for size in sizes], sizes, work.budget.merge))
        found += [(work.calls.merge("", work.budget.notes), len(group) * longest) for group in groups if len(group) > 1]
        sizes = [longest] * len(groups)
    return found, sum(sizes)


def _least(call: Call, base_model: str) -> Needs:
    charged = call.tokens(base_model)
    return Needs(1, charged, charged - call.max_tokens, LEAST_ANSWER_TOKENS)


def _most(call: Call, shown: int, base_model: str) -> Needs:
    charged = call.tokens(base_model) + shown
    return Needs(1, charged, charged - call.max_tokens, call.max_tokens)
