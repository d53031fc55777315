"""`sluice status`: is it running, how much waits, what failed, how much of the quota is used."""

import asyncio
import json
import urllib.error
import urllib.request
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from cli.app_client import AppUnreachableError, ask_app
from cli.app_status import status_lines
from cli.console import EXIT_OK, out
from cli.quota import quota_facts, quota_table
from cli.session import DATA_DIR
from cli.tables import FirstThatFits
from local.stack_state import running_stack
from shared.bootstrap import Backend
from shared.messaging.browser import QueueBrowser, browse

_REFRESH_S = 1.0
_LIMIT = 1000  # queues and failures are counted up to here: nothing but a full look gives exact numbers


async def status(backend: Backend, *, as_json: bool, watching: bool) -> int:
    """Print the state of the system, once or until interrupted."""
    if not watching:
        facts = await _facts(backend)
        if as_json:
            out.print_json(json.dumps(facts))
        else:
            out.print(_view(facts))
        return EXIT_OK
    if as_json:
        while True:
            out.print(json.dumps(await _facts(backend)), soft_wrap=True, markup=False, highlight=False)
            await asyncio.sleep(_REFRESH_S)
    with Live(console=out, auto_refresh=False) as live:
        while True:
            live.update(_view(await _facts(backend)), refresh=True)
            await asyncio.sleep(_REFRESH_S)


async def _facts(backend: Backend) -> dict[str, Any]:
    stack = running_stack(DATA_DIR)
    parts = {name: part.ports for name, part in stack.parts.items()} if stack else {}
    facts: dict[str, Any] = {"stack": {"pid": stack.pid, "parts": parts} if stack else None, "kinds": {}}
    async with browse(backend.settings.service_bus) as browser:
        # Each look needs a connection of its own, for whose opening and closing the SDK takes a second.
        found = await asyncio.gather(*(_kind(backend, browser, name) for name in backend.kinds))
        facts["kinds"] = dict(zip(backend.kinds, found, strict=True))
    facts["quota"] = await quota_facts(backend)
    facts["app"] = await _app(backend)
    facts["model"] = await asyncio.to_thread(_model_stats, backend.settings.chat.openai.endpoint)
    return facts


async def _kind(backend: Backend, browser: QueueBrowser, name: str) -> dict[str, Any]:
    queues = backend.kinds[name].queues

    async def counts(queue: str) -> dict[str, int]:
        messages, dead_letters = await asyncio.gather(
            browser.count(queue, limit=_LIMIT), browser.count(queue, dead_letters=True, limit=_LIMIT)
        )
        return {"messages": messages, "dead_letters": dead_letters}

    names = (queues.inbox, queues.run, queues.outbox)
    *counted, failed = await asyncio.gather(*(counts(queue) for queue in names), _failed(backend, name))
    return {"queues": dict(zip(names, counted, strict=True)), "failed_jobs": failed}


def _view(facts: dict[str, Any]) -> Group:
    stack = facts["stack"]
    lines: list[RenderableType] = [
        f"Stack: [green]running[/], process {stack['pid']}"
        if stack
        else "Stack: none here; settings from the environment"
    ]
    if "error" in facts["app"]:
        lines += [_queues(facts["kinds"]), f"App: [yellow]not known:[/] {escape(facts['app']['error'])}"]
    else:
        lines += status_lines(facts["app"])
    if facts["quota"]:
        lines.append(quota_table(facts["quota"]))
    else:
        lines.append("Quota: AZURE_OPENAI_DEPLOYMENT_NAME isn't set, so it isn't known whose to show.")
    if facts["model"]:
        lines.append(escape(f"Model: {json.dumps(facts['model'])}"))
    return Group(*lines)


def _queues(kinds: dict[str, Any]) -> FirstThatFits:
    """What is known without the app."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False)
    for name in ("queue", "messages", "dead letters", "failed jobs"):
        table.add_column(name, justify="left" if name == "queue" else "right", no_wrap=True)
    for kind in kinds.values():
        failed = _count(kind["failed_jobs"])
        for queue, counts in kind["queues"].items():
            table.add_row(escape(queue), _count(counts["messages"]), _count(counts["dead_letters"]), failed)
            failed = ""
    return FirstThatFits(table)


async def _app(backend: Backend) -> dict[str, Any]:
    try:
        found: dict[str, Any] = await ask_app(backend.settings.app, "status")
    except AppUnreachableError as error:
        return {"error": str(error)}
    return found


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
