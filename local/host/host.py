"""The functions host: puts workers, listeners and the HTTP server together; starts, drains and stops them in order."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from local.host import triggers
from local.host.admin import AdminApi
from local.host.app_settings import LocalSettings, combine_settings, find_setting, host_id, is_true, load_local_settings
from local.host.bindings import AppFunction, BindingError, SupportedBindings, build_functions
from local.host.console import Console
from local.host.contracts import Listener
from local.host.cors import Cors
from local.host.durable.extension import DurableExtension, DurableListener
from local.host.errors import HostError
from local.host.function_table import format_table
from local.host.host_json import HostJson, load_host_json
from local.host.http_functions import HttpFunctions
from local.host.inputs import create_inputs
from local.host.invoker import HostInvoker
from local.host.keys import Keys
from local.host.log_levels import LogFilter
from local.host.outputs import create_outputs
from local.host.pool import WorkerPool
from local.host.router import Route, Router
from local.host.web import WebServer
from local.host.worker_process import WorkerProcess

DEFAULT_PORT = 7071
WORKER_COUNT = "FUNCTIONS_WORKER_PROCESS_COUNT"
MAX_WORKERS = 10  # as in Azure
_RETRIED = ("timerTrigger",)
_LAST_STEPS_S = 1.0


@dataclass(frozen=True, slots=True)
class HostOptions:
    """What the command line says.

    Attributes:
        port: None means Host.LocalHttpPort of local.settings.json, or 7071.
        workers: None means FUNCTIONS_WORKER_PROCESS_COUNT, or 1.
        grace_s: how long invocations under way may take after the host was asked to stop.
        durable: folder of the task hubs, which hosts may share; None means .sluice/durable in the app's folder.
    """

    app_dir: Path
    port: int | None = None
    workers: int | None = None
    grace_s: float = 30.0
    keys: Keys = field(default_factory=Keys)
    durable: Path | None = None


class FunctionsHost:
    """One host of one app. start(), then stop(); it can't be started again.

    Args:
        environ: the real environment.

    Raises:
        HostError: settings or host.json are wrong, or the port is in use.
    """

    def __init__(self, options: HostOptions, environ: Mapping[str, str], console: Console) -> None:
        local = load_local_settings(options.app_dir)
        self.console = console
        self._options = options
        self._settings = combine_settings(local, environ)
        self._host_json: HostJson = load_host_json(options.app_dir, self._settings)
        console.filter = LogFilter(self._host_json.log_levels)
        workers = options.workers or _worker_count(self._settings)
        self._web = self._create_web_server(local)
        self._settings |= {
            "AZURE_FUNCTIONS_ENVIRONMENT": "Development",
            "AzureWebJobsScriptRoot": str(options.app_dir),
            "WEBSITE_HOSTNAME": f"localhost:{self.port}",
        }
        self._host_id = host_id(options.app_dir, self._settings)
        self._pool = WorkerPool(
            lambda on_end: WorkerProcess(options.app_dir, self._settings, console, on_end=on_end),
            workers,
            self._host_json.function_timeout_s,
            console,
        )
        directory = options.durable or options.app_dir / ".sluice" / "durable"
        self._durable = DurableExtension(self._settings, self._host_json, directory, options.keys)
        self._inputs, self._outputs = create_inputs(self._settings, self._durable), create_outputs(self._settings)
        self._invoker = HostInvoker(self._pool, self._inputs, self._outputs, console)
        self._router = Router(self._host_json.route_prefix)
        self._admin = AdminApi(self._host_id, console, lambda: self._pool.pids)
        self._listeners: dict[str, Listener] = {}
        self.functions: list[AppFunction] = []

    @property
    def port(self) -> int:
        return self._web.port

    @property
    def running(self) -> list[str]:
        """Names of the functions that run."""
        return [function.name for function in self.functions if function.state == "ready"]

    async def start(self) -> None:
        """Start workers, index the app, open the port, start the listeners.

        A function that can't be started is named with the reason; the others run.

        Raises:
            HostError: the app can't be indexed.
        """
        supported = SupportedBindings(triggers.TRIGGERS, self._inputs, {"http", *self._outputs})
        indexed = await self._pool.start()
        self._set_functions(build_functions(indexed, self._settings, supported, self._host_json.functions))
        self._create_listeners()
        self._admin.routes = {route.function.name: self._url(route) for route in self._router.routes}
        self._admin.by_hand = {
            name.lower(): listener.run_by_hand
            for name, listener in self._listeners.items()
            if hasattr(listener, "run_by_hand")
        }
        await self._web.start(HttpFunctions(self._router, self._invoker, self._options.keys, self.console), self._admin)
        await asyncio.gather(*(self._start_listener(name, listener) for name, listener in self._listeners.items()))
        self._admin.state = "Running"
        self._report()

    async def stop(self, hurry: asyncio.Event | None = None) -> None:
        """Drain and end: no new work, up to the grace time for what is under way, then everything is closed.

        Args:
            hurry: ends the grace time when set.
        """
        self._admin.state = "Stopping"
        await asyncio.gather(*(self._stop_listener(name, listener) for name, listener in self._listeners.items()))
        await self._web.stop()
        drains = [self._web.drain(), self._admin.drain(), *(listener.drain() for listener in self._listeners.values())]
        await self._drain([asyncio.ensure_future(drain) for drain in drains], hurry or asyncio.Event())
        await self.close()

    async def close(self) -> None:
        """End the workers and close the connections, without waiting for anything."""
        await self._pool.stop()
        await self._invoker.close()
        await self._web.close()

    async def _drain(self, drains: Sequence[asyncio.Future[None]], hurry: asyncio.Event) -> None:
        everything = asyncio.gather(*drains, return_exceptions=True)
        hurried = asyncio.create_task(hurry.wait())
        either: list[asyncio.Future[Any]] = [everything, hurried]
        await asyncio.wait(either, timeout=self._options.grace_s, return_when=asyncio.FIRST_COMPLETED)
        hurried.cancel()
        if not everything.done():
            self.console.host(logging.WARNING, "The grace time is over: invocations that still run are cut off.")
            # Workers first, and a moment for those who wait for them: what is lost must not be taken for finished.
            await self._pool.stop()
            await asyncio.wait(drains, timeout=_LAST_STEPS_S)
            for drain in drains:
                drain.cancel()
        for outcome in await asyncio.gather(*drains, return_exceptions=True):
            if isinstance(outcome, Exception):
                self.console.host(logging.ERROR, f"A listener could not be ended properly: {outcome}")

    def _create_web_server(self, local: LocalSettings) -> WebServer:
        port = next(p for p in (self._options.port, local.http_port, DEFAULT_PORT) if p is not None)
        return WebServer(
            port,
            self._options.keys,
            Cors(local.cors_origins, credentials=local.cors_credentials),
            start_page=not is_true(find_setting(self._settings, "AzureWebJobsDisableHomepage")),
        )

    def _set_functions(self, functions: Sequence[AppFunction]) -> None:
        self.functions = self._admin.functions = list(functions)

    def _fail(self, name: str, error: BaseException) -> None:
        self._set_functions(
            [replace(f, state="failed", error=str(error)) if f.name == name else f for f in self.functions]
        )

    def _create_listeners(self) -> None:
        context = triggers.TriggerContext(
            self._invoker, self._settings, self._host_json, self._host_id, self._router, self._web, self._durable
        )
        for function in self.functions:
            if function.state != "ready":
                continue
            try:
                listener = triggers.create_listener(function.function, context)
            except BindingError as error:
                self._fail(function.name, error)
                continue
            if listener is not None:
                self._listeners[function.name] = listener
        if self._durable.used:
            self._listeners["durabletask"] = DurableListener(self._durable, self._invoker, self._web)

    async def _start_listener(self, name: str, listener: Listener) -> None:
        try:
            await listener.start()
        except Exception as error:
            self._fail(name, error)

    async def _stop_listener(self, name: str, listener: Listener) -> None:
        try:
            await listener.stop()
        except Exception as error:
            self.console.host(logging.ERROR, f"The listener of '{name}' could not be stopped: {error}")

    def _url(self, route: Route) -> str:
        return f"http://localhost:{self.port}/{route.template.text}"

    def _report(self) -> None:
        addresses = {r.function.name: f"{r.method_list} {self._url(r)}".strip() for r in self._router.routes}
        self.console.plain(format_table(self.functions, addresses))
        if not self.functions:
            self.console.host(logging.WARNING, "No functions found: does function_app.py register its blueprints?")
        for function in self.functions:
            if function.state == "failed":
                self.console.host(logging.ERROR, f"The '{function.name}' function is in error: {function.error}")
            elif function.function.retry and function.function.trigger.get("type") not in _RETRIED:
                text = f"The retry policy of '{function.name}' has no effect: the host retries timers only."
                self.console.host(logging.WARNING, text)
        for first, hidden in self._router.hidden():
            self.console.host(
                logging.WARNING,
                f"'{hidden.function.name}' never gets requests for {hidden.path}: '{first.function.name}' "
                f"({first.path}) comes before it by name. Rename a function, or constrain the parameter.",
            )


def _worker_count(settings: Mapping[str, str]) -> int:
    text = find_setting(settings, WORKER_COUNT) or "1"
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= MAX_WORKERS):
        raise HostError(f"{WORKER_COUNT} must be a number from 1 to {MAX_WORKERS}, not {text!r}.")
    return int(text)
