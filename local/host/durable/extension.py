"""The durable extension of a host: puts its parts together when the first function needs them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local.host import connections
from local.host.bindings import BindingError
from local.host.contracts import Datum, Function, Invoker
from local.host.durable.api import ManagementApi
from local.host.durable.client import HubClient
from local.host.durable.database import HubFileError
from local.host.durable.dispatcher import Dispatcher, Limits, Runners
from local.host.durable.functions import DurableFunctions
from local.host.durable.hub import Hub
from local.host.durable.leases import Leases
from local.host.durable.links import Links
from local.host.durable.options import DurableOptions, read_options
from local.host.durable.rpc_server import RpcServer
from local.host.durable.runners import ActivityRunner, Calls, EntityRunner, OrchestrationRunner
from local.host.durable.storage_gate import StorageGate
from local.host.durable.work_table import WorkTable
from local.host.host_json import HostJson
from local.host.keys import DURABLE, Keys
from local.host.web import WebServer

WEBHOOK = DURABLE
_PREFIX = f"/runtime/webhooks/{WEBHOOK}"
_CONNECTION = "Storage"  # GetDefaultConnectionName of the extension


class DurableExtension:
    """A listener for all durable functions together, and the input binding `durableClient`.

    Args:
        directory: holds a file for each task hub; hosts with the same directory share their hubs.
        keys: of the host; the addresses that clients get hold the extension's.
    """

    def __init__(self, settings: Mapping[str, str], host_json: HostJson, directory: Path, keys: Keys) -> None:
        self._settings = settings
        self._host_json = host_json
        self._directory = directory
        self._keys = keys
        self._functions = DurableFunctions()
        self._options: DurableOptions
        self._hub: Hub | None = None
        self._gate: StorageGate
        self._rpc = RpcServer()
        self._binding = ""
        self._dispatcher: Dispatcher

    @property
    def used(self) -> bool:
        """Whether any function needs it."""
        return self._hub is not None

    def use(self) -> None:
        """Open the task hub, unless it is open.

        Raises:
            BindingError: the extension's options, its storage account or its file can't be used.
        """
        if self._hub is not None:
            return
        options = read_options(self._host_json.config, self._settings)
        try:
            storage = connections.blob_client(self._settings, options.connection)
        except BindingError as error:
            raise BindingError(f"durable functions keep their task hub in a storage account: {error}") from error
        try:
            self._hub = Hub(self._directory / f"{options.hub.lower()}.db", options.partitions)
        except HubFileError as error:
            raise BindingError(str(error)) from error
        self._options = options
        self._gate = StorageGate(storage, options.hub)

    def add(self, function: Function) -> None:
        """Take a function with a durable trigger.

        Raises:
            BindingError: see use(); or its name is taken.
        """
        self.use()
        try:
            self._functions.add(function)
        except ValueError as error:
            raise BindingError(str(error)) from error

    async def begin(self, invoker: Invoker, web_server: WebServer) -> None:
        """Answer clients, and take part in the task hub's work.

        Args:
            invoker: runs the functions.
            web_server: gets the webhooks.
        """
        assert self._hub is not None  # noqa: S101 - use() was called
        works, options = self._gate.works, self._options
        client = HubClient(self._hub, self._functions, works, options.replace_running, options.default_version)
        rpc_url = await self._rpc.start()
        links = Links(
            f"http://localhost:{web_server.port}", options.hub, _CONNECTION, self._keys.system_key(WEBHOOK), rpc_url
        )
        self._binding = links.binding()
        api = ManagementApi(client, links)
        self._rpc.answer = api.handle
        web_server.register_webhook(
            WEBHOOK, lambda request: api.handle(request, request.rel_url.raw_path[len(_PREFIX) :])
        )
        self._gate.start()
        calls = Calls(invoker, self._functions, self._host_json.function_timeout_s, works)
        leases = Leases(self._hub.database, options.partitions, works=bool(self._functions))
        work = WorkTable(self._hub, leases.host)
        runners = Runners(
            OrchestrationRunner(self._hub, calls),
            EntityRunner(self._hub, calls, options.entity_batch),
            ActivityRunner(work, calls),
        )
        limits = Limits(options.activities, options.orchestrations, options.entities)
        self._dispatcher = Dispatcher(self._hub, leases, work, runners, limits, works, works=bool(self._functions))
        self._dispatcher.start()

    def stop(self) -> None:
        """Begin no episode, batch or activity any more."""
        self._dispatcher.stop()

    async def drain(self) -> None:
        """Wait for what is under way, then leave the hub to other hosts. Clients are served until close()."""
        await self._dispatcher.drain()

    async def fetch(self, binding: Mapping[str, Any], function: Function, metadata: Mapping[str, Datum]) -> Datum:  # noqa: ARG002 - the interface of input bindings
        """The value of a parameter with a durable client."""
        return Datum.string(self._binding)

    async def close(self) -> None:
        """Close everything."""
        if self._hub is not None:
            await self._rpc.close()
            await self._gate.close()
            self._hub.database.close()
            self._hub = None


class DurableListener:
    """The extension as the host's listener."""

    def __init__(self, extension: DurableExtension, invoker: Invoker, web_server: WebServer) -> None:
        self._extension = extension
        self._invoker = invoker
        self._web_server = web_server

    async def start(self) -> None:
        await self._extension.begin(self._invoker, self._web_server)

    async def stop(self) -> None:
        self._extension.stop()

    async def drain(self) -> None:
        await self._extension.drain()
