"""The host's own endpoints under /admin (HostController.cs, FunctionsController.cs of azure-functions-host)."""

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from aiohttp import web

from local.host.bindings import AppFunction
from local.host.console import Console

type RunByHand = Callable[[str], Awaitable[None]]

VERSION = "4.0-local"


class AdminApi:
    """Says how the host and its functions are, and runs functions by hand.

    Attributes:
        state: "Starting", "Running" or "Stopping".
        functions: all functions of the app.
        by_hand: by function name in lower case, what runs a function with the given input.
        routes: by function name, the address of an HTTP function.
        worker_pids: of the workers that are ready.
    """

    def __init__(self, host_id: str, console: Console, worker_pids: Callable[[], Sequence[int]]) -> None:
        self.state = "Starting"
        self.functions: Sequence[AppFunction] = ()
        self.by_hand: Mapping[str, RunByHand] = {}
        self.routes: Mapping[str, str] = {}
        self._host_id = host_id
        self._console = console
        self._worker_pids = worker_pids
        self._started_at = time.monotonic()
        self._runs: set[asyncio.Task[None]] = set()

    async def handle(self, request: web.BaseRequest) -> web.Response:
        """Answer a request whose path starts with /admin/."""
        match (request.method, request.rel_url.path.strip("/").split("/")[1:]):
            case ("GET", ["host", "status"]):
                return web.json_response(self._status())
            case ("GET" | "POST", ["host", "ping"]):
                return web.Response(status=200)
            case ("GET", ["host", "processes"]):
                processes = [{"processId": pid, "processName": "python"} for pid in self._worker_pids()]
                return web.json_response({"processes": processes})
            case ("GET", ["functions"]):
                return web.json_response([self._describe(function) for function in self.functions])
            case ("GET", ["functions", name]) if function := self._find(name):
                return web.json_response(self._describe(function))
            case ("GET", ["functions", name, "status"]) if function := self._find(name):
                return web.json_response({"errors": [function.error]} if function.error else {})
            case ("POST", ["functions", name]):
                return await self._run(request, name)
        return web.Response(status=404)

    async def drain(self) -> None:
        """Wait for what was run by hand."""
        await asyncio.gather(*self._runs)

    def _status(self) -> dict[str, Any]:
        return {
            "id": self._host_id,
            "state": self.state,
            "version": VERSION,
            "processUptime": int((time.monotonic() - self._started_at) * 1000),
            "errors": [f"{function.name}: {function.error}" for function in self.functions if function.error],
        }

    def _find(self, name: str) -> AppFunction | None:
        return next((function for function in self.functions if function.name.lower() == name.lower()), None)

    def _describe(self, function: AppFunction) -> dict[str, Any]:
        return {
            "name": function.name,
            "href": f"/admin/functions/{function.name}",
            "config": {"name": function.name, "scriptFile": function.script_file, "bindings": list(function.bindings)},
            "invoke_url_template": self.routes.get(function.name),
            "language": "python",
            "isDisabled": function.state == "disabled",
            "isDirect": False,
            "isProxy": False,
        }

    async def _run(self, request: web.BaseRequest, name: str) -> web.Response:
        function = self._find(name)
        if function is None or function.state != "ready":
            return web.Response(status=404)
        try:
            text = json.loads(await request.read() or b"null")["input"]
        except (ValueError, KeyError, TypeError):
            return web.Response(status=400, text='The body must be JSON of the form {"input": "..."}.')
        run = self.by_hand.get(function.name.lower())
        if run is None:
            kind = function.function.trigger["type"]
            return web.Response(status=400, text=f"A function with a {kind} can't be run by hand here.")
        task = asyncio.create_task(self._guard(function.name, run, text if isinstance(text, str) else ""))
        self._runs.add(task)
        task.add_done_callback(self._runs.discard)
        return web.Response(status=202)

    async def _guard(self, name: str, run: RunByHand, text: str) -> None:
        try:
            await run(text)
        except Exception as error:
            self._console.log(f"Function.{name}", logging.ERROR, f"Running '{name}' by hand failed: {error}")
