"""`sluice estimate`: what a file would need and cost, before anything is sent."""

import asyncio
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from rich.table import Table

from cli.console import EXIT_OK, out
from cli.quota import quota_facts
from cli.run_estimate_steps import OVERHEAD_S, checked, estimate_steps, known_quota, spinner, until
from cli.run_start import Source, show_mapping
from shared.bootstrap import Backend
from shared.bootstrap.runs import rates_of
from shared.jobs.feedback import FeedbackJob
from shared.runs.estimate import Quota, duration_s
from shared.runs.parts import PartRow
from shared.runs.spooling import RowCheck

_ENOUGH_CALLS = 20


@dataclass(slots=True)
class Estimate:
    """What a file needs.

    Attributes:
        charged_tokens: of the quota: prompts and the longest answers.
        input_tokens, output_tokens: that will be billed, if no call is repeated; of the output a guess.
    """

    rows: int = 0
    rejected: int = 0
    charged_tokens: int = 0
    input_tokens: int = 0
    output_tokens: int = 0

    @property
    def jobs(self) -> int:
        """Rows that are jobs."""
        return self.rows - self.rejected

    def add(self, row: PartRow, max_tokens: int, output_tokens: float) -> None:
        """One more row."""
        self.rows += 1
        if row.body is None:
            self.rejected += 1
            return
        self.charged_tokens += row.tokens
        self.input_tokens += row.tokens - max_tokens
        self.output_tokens = round(self.jobs * output_tokens)


async def estimate(system: Backend, source: Source, *, as_json: bool) -> int:
    """Say what a run of this file would need.

    Raises:
        DatasetError, OSError
    """
    kind = system.kinds[source.kind]
    if not isinstance(kind, FeedbackJob):
        return await estimate_steps(system, source, as_json=as_json)
    deployment = system.settings.chat.openai.deployment or ""
    quota = (await quota_facts(system))[deployment]
    output_tokens = _usual_output(quota, kind)
    found = Estimate()
    with source.mapped() as (dataset, mapping, guessed):
        show_mapping(mapping, guessed, source.path.name)
        check = RowCheck(kind, system.lines[source.kind], mapping)
        with spinner("counting tokens") as progress:
            task = progress.add_task("", rows=0)
            while chunk := await asyncio.to_thread(checked, dataset.rows, check):
                for row in chunk:
                    found.add(row, kind.max_tokens, output_tokens)
                progress.update(task, rows=found.rows)
    known = await known_quota(system, deployment, quota)
    took_s = duration_s(found.jobs, found.charged_tokens, known, OVERHEAD_S)
    cost = rates_of(system.settings, source.kind).of(found.input_tokens, found.output_tokens)
    facts = _facts(found, known, took_s, cost, system.settings.runs.currency, quota["error"])
    if as_json:
        out.print_json(json.dumps(facts))
    else:
        out.print(_table(facts))
    return EXIT_OK


def _usual_output(quota: dict[str, Any], kind: FeedbackJob) -> float:
    """Tokens of an answer: the mean of those so far, else by the profile's examples."""
    usage = quota.get("usage") or {}
    if usage.get("calls", 0) >= _ENOUGH_CALLS:
        return float(usage["completion_tokens"]) / float(usage["calls"])
    return float(kind.usual_output_tokens())


def _facts(
    found: Estimate, quota: Quota, took_s: float, cost: float | None, currency: str, problem: str | None
) -> dict[str, Any]:
    ends_at = datetime.now(UTC) + timedelta(seconds=took_s)
    return {
        "rows": found.rows,
        "rejected": found.rejected,
        "jobs": found.jobs,
        "input_tokens": found.input_tokens,
        "output_tokens": found.output_tokens,
        "charged_tokens": found.charged_tokens,
        "cost": None if cost is None else round(cost, 4),
        "currency": currency,
        "tokens_per_minute": quota.tpm,
        "requests_per_minute": quota.rpm,
        "backlog_calls": quota.backlog_calls,
        "backlog_tokens": quota.backlog_tokens,
        "duration_s": round(took_s, 1),
        "ends_at": ends_at.isoformat(timespec="seconds"),
        "quota_note": problem,
    }


def _table(facts: dict[str, Any]) -> Table:
    table = Table.grid(padding=(0, 2))
    rejected = f", [yellow]{facts['rejected']:,} of them no jobs[/]" if facts["rejected"] else ""
    table.add_row("rows", f"{facts['rows']:,}{rejected}")
    table.add_row("tokens", f"{facts['input_tokens']:,} in, about {facts['output_tokens']:,} out")
    price = "not known: set SLUICE_PRICES" if facts["cost"] is None else f"{facts['cost']:,.2f} {facts['currency']}"
    table.add_row("cost", price)
    limits = f"{facts['tokens_per_minute']:,} tokens, {facts['requests_per_minute']:,} requests a minute"
    table.add_row("quota", limits + (" (of the settings: the app wasn't reached)" if facts["quota_note"] else ""))
    table.add_row("before it", f"{facts['backlog_calls']:,} calls with {facts['backlog_tokens']:,} tokens")
    table.add_row("takes", f"about {until(facts['duration_s'])}")
    return table
