"""`sluice status`: is it running, how much waits, what failed."""

import asyncio
import json
import urllib.error
import urllib.request
from typing import Any

from rich.table import Table

from cli.console import EXIT_OK, out
from cli.queues import browse
from cli.session import DATA_DIR
from local.stack_state import running_stack
from shared.bootstrap import Backend

_LIMIT = 1000  # queues and failures are counted up to here: nothing but a full look gives exact numbers


async def status(backend: Backend, *, as_json: bool) -> int:
    """Print the state of the system."""
    stack = running_stack(DATA_DIR)
    parts = {name: part.ports for name, part in stack.parts.items()} if stack else {}
    facts: dict[str, Any] = {"stack": {"pid": stack.pid, "parts": parts} if stack else None, "kinds": {}}
    async with browse(backend.settings.service_bus) as browser:
        for name, kind in backend.kinds.items():
            queues: dict[str, dict[str, int]] = {}
            for queue in (kind.queues.inbox, kind.queues.run, kind.queues.outbox):
                queues[queue] = {
                    "messages": await browser.count(queue, limit=_LIMIT),
                    "dead_letters": await browser.count(queue, dead_letters=True, limit=_LIMIT),
                }
            facts["kinds"][name] = {"queues": queues, "failed_jobs": await _failed(backend, name)}
    facts["model"] = await asyncio.to_thread(_model_stats, backend.settings.openai.endpoint)
    if as_json:
        out.print_json(json.dumps(facts))
        return EXIT_OK
    _print(facts)
    return EXIT_OK


def _print(facts: dict[str, Any]) -> None:
    stack = facts["stack"]
    out.print(
        f"Stack: [green]running[/], process {stack['pid']}"
        if stack
        else "Stack: none here; settings from the environment"
    )
    for name, kind in facts["kinds"].items():
        table = Table(title=f"{name} queues", title_justify="left")
        table.add_column("queue")
        table.add_column("messages", justify="right")
        table.add_column("dead letters", justify="right")
        for queue, counts in kind["queues"].items():
            table.add_row(queue, _count(counts["messages"]), _count(counts["dead_letters"]))
        out.print(table)
        out.print(
            f"Failed jobs: {_count(kind['failed_jobs'])}" + (" (`sluice errors list`)" if kind["failed_jobs"] else "")
        )
    if facts["model"]:
        out.print(f"Model: {json.dumps(facts['model'])}", highlight=False)


def _count(number: int) -> str:
    return f"{number}" if number < _LIMIT else f"{_LIMIT} or more"


async def _failed(backend: Backend, kind: str) -> int:
    count = 0
    async for _ in backend.store.failures(kind):
        count += 1
        if count == _LIMIT:
            break
    return count


def _model_stats(endpoint: str | None) -> dict[str, Any] | None:
    """What the local model server counted; None where the endpoint isn't the local one."""
    if not endpoint or not endpoint.startswith("http://127.0.0.1"):
        return None
    try:
        with urllib.request.urlopen(f"{endpoint}/control/stats", timeout=2) as answer:  # noqa: S310 - loopback, see above
            stats: dict[str, Any] = json.load(answer)
    except (urllib.error.URLError, ValueError):
        return None
    return {key: stats[key] for key in ("calls", "throttled", "in_flight") if key in stats}
