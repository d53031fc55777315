"""`sluice watch`: a live table of results as they are published. Peeks; takes nothing out of the queue."""

import asyncio
import json
from collections import Counter, deque
from typing import Any

from rich.console import Group
from rich.live import Live
from rich.text import Text

from cli.console import EXIT_OK, err, out
from cli.outcomes import outcome_table
from cli.progress import progress_table, running_jobs
from shared.bootstrap import Backend
from shared.errors import InvalidMessageError
from shared.messages import to_json
from shared.messaging.browser import QueueBrowser, browse

_POLL_S = 0.5
_SHOWN = 20


async def watch(backend: Backend, kind: str, *, everything: bool, until: int | None, as_json: bool) -> int:
    """Show outcomes until interrupted, or until so many have come.

    Args:
        everything: begin with what is already in the out queue rather than with what comes from now on.
    """
    queue = backend.kinds[kind].queues.outbox
    shown: deque[dict[str, Any]] = deque(maxlen=_SHOWN)
    counts: Counter[str] = Counter()
    async with browse(backend.settings.service_bus) as browser:
        after = 0 if everything else await _last(browser, queue)
        err.print(f"Watching {queue}; Ctrl-C ends.")
        with Live(console=out, auto_refresh=False, transient=False) as live:
            while until is None or sum(counts.values()) < until:
                async for message in browser.peek(queue, after=after, limit=until):
                    after = message.sequence_number or after
                    outcome = await _outcome(backend, message)
                    counts[str(outcome.get("status"))] += 1
                    if as_json:
                        out.print(to_json(outcome), soft_wrap=True, markup=False, highlight=False)
                    shown.append(outcome)
                if not as_json:
                    jobs = await running_jobs(backend.settings.app, kind) if kind in backend.stepwise else []
                    live.update(_view(kind, shown, counts, jobs), refresh=True)
                await asyncio.sleep(_POLL_S)
    return EXIT_OK


def _view(kind: str, shown: deque[dict[str, Any]], counts: Counter[str], jobs: list[dict[str, Any]]) -> Group:
    table = outcome_table(list(shown), f"{kind} results", kind)
    return Group(
        table,
        progress_table(jobs),
        Text("  ".join(f"{counts[name]} {name}" for name in sorted(counts)) or "nothing yet"),
    )


async def _last(browser: QueueBrowser, queue: str) -> int:
    """The newest sequence number in a queue."""
    last = 0
    async for message in browser.peek(queue):
        last = message.sequence_number or last
    return last


async def _outcome(backend: Backend, message: Any) -> dict[str, Any]:
    properties = {
        (k.decode() if isinstance(k, bytes) else k): (v.decode() if isinstance(v, bytes) else v)
        for k, v in (message.application_properties or {}).items()
    }
    try:
        if claim := properties.get("claim_check"):
            data = await backend.payloads.claim(str(claim), str(properties.get("claim_check_sha256")))
        else:
            data = b"".join(message.body)
        outcome = json.loads(data)
    except (ValueError, InvalidMessageError):
        outcome = None
    if not isinstance(outcome, dict):
        return {"job_id": message.message_id, "status": "unreadable"}
    return outcome
