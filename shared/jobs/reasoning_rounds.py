"""Which steps a reasoning job takes, in what order. Pure: the same outputs give the same answer."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from shared.jobs.reasoning_work import Work, kind_of
from shared.jobs.steps import Outputs, Round, Step


@dataclass
class _Walk:
    """Attributes: names: of all steps that are known to be needed, in their order; missing: those without an output."""

    work: Work
    outputs: Outputs
    names: list[str] = field(default_factory=list)
    missing: list[Step] = field(default_factory=list)

    def step(self, name: str, title: str, needs: Sequence[str] = ()) -> None:
        """Note a step whose needs are met."""
        self.names.append(name)
        if name not in self.outputs:
            tokens = self.work.call(name, needs, self.outputs).tokens(self.work.base_model)
            self.missing.append(Step(name, title, tokens, tuple(needs)))


def next_round(work: Work, outputs: Outputs) -> Round:
    """What can be done now."""
    walk = _Walk(work, outputs)
    later = _walk(walk)
    behind = sum(name in outputs for name in walk.names)
    return Round(tuple(walk.missing), behind, len(walk.names) + later)


def finished_steps(work: Work, outputs: Outputs) -> list[str]:
    """Names of all steps of a job that is done, in their order."""
    walk = _Walk(work, outputs)
    _walk(walk)
    return walk.names


def title_of(name: str, work: Work) -> str:
    """What a step does, for people."""
    number = name.rpartition("-")[2]
    match kind_of(name):
        case "read":
            return f"reading {work.title_of(name)}"
        case "merge":
            return "merging notes"
        case "plan":
            return "planning"
        case "solve" if work.request.samples > 1:
            return f"solving, sample {number} of {work.request.samples}"
        case "solve":
            return "solving"
        case "revise":
            return "revising"
    return "verifying" if name == "verify" else "verifying the revision"


def refused(output: dict[str, object]) -> bool:
    """Whether a verification refuses the answer."""
    return output["verdict"] != "correct"


def _walk(walk: _Walk) -> int:
    """Note all steps up to the first that are missing; returns how many more are known to come."""
    work, outputs = walk.work, walk.outputs
    samples = work.request.samples
    solves = ["solve"] if samples == 1 else [f"solve-{number}" for number in range(1, samples + 1)]
    sources = [f"read-{number:04}" for number in range(1, len(work.parts) + 1)]
    plan = [] if work.request.effort == "low" else ["plan"]

    def take(names: Sequence[str], needs: Sequence[str] = ()) -> bool:
        """Note steps; returns whether all are done."""
        for name in names:
            walk.step(name, title_of(name, work), needs)
        return not walk.missing

    if not take([*sources, *plan]):
        return samples + 1
    level = 0
    while (groups := _groups(work, outputs, sources)) is not None:
        level += 1
        merged = [f"merge-{level}-{number:04}" for number, _ in enumerate(groups, 1)]
        for name, group in zip(merged, groups, strict=True):
            if len(group) > 1:
                walk.step(name, title_of(name, work), group)
        if walk.missing:
            return samples + 1
        sources = [name if len(group) > 1 else group[0] for name, group in zip(merged, groups, strict=True)]
    if not take(solves, [*plan, *sources]):
        return 1
    if not take(["verify"], [*solves, *sources]) or not refused(outputs["verify"]):
        return 0
    if not take(["revise"], [*solves, "verify", *plan, *sources]):
        return 1
    take(["verify-2"], ["revise", *sources])
    return 0


def _groups(work: Work, outputs: Outputs, sources: Sequence[str]) -> list[list[str]] | None:
    """Which notes are merged with which; None where all of them fit the calls that solve."""
    tokens = [work.notes_tokens(name, outputs[name]) for name in sources]
    if sum(tokens) <= work.budget.material:
        return None
    return list(packed(sources, tokens, work.budget.merge))


def packed(sources: Sequence[str], tokens: Sequence[int], room: int) -> Iterator[list[str]]:
    """Notes in groups, each of which fits a call that merges.

    Args:
        tokens: of each.
        room: for a group; one that is too large has its own.
    """
    group: list[str] = []
    used = 0
    for name, size in zip(sources, tokens, strict=True):
        if group and used + size > room:
            yield group
            group, used = [], 0
        group.append(name)
        used += size
    yield group
