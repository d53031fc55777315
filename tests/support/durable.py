"""A running host with the durable test app, and short ways to use it."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import aiohttp

from tests.support.host import RunningHost, functions_host

ENDED = ("Completed", "Failed", "Terminated")
APP = Path(__file__).parent / "durable_app"


@contextmanager
def durable_host(
    folder: Path,
    storage: str,
    *,
    env: Mapping[str, str] | None = None,
    args: Sequence[str] = (),
    app: Path = APP,
) -> Iterator[RunningHost]:
    """A host of the durable test app, its task hub and trace file in a folder.

    Args:
        storage: connection string.
    """
    settings = {"AzureWebJobsStorage": storage, "TASK_HUB": "Tests", "TRACE": str(folder / "trace"), **(env or {})}
    with functions_host(app, settings, ["--durable", str(folder), *args]) as host:
        yield host


class Client:
    """Uses the app's HTTP functions and the host's webhooks."""

    def __init__(self, session: aiohttp.ClientSession, host: RunningHost) -> None:
        self.session = session
        self.host = host

    async def call(self, path: str, body: Any = None, method: str = "POST") -> tuple[int, Any]:
        """Status and JSON, or text, of an answer."""
        async with self.session.request(method, f"{self.host.url}/{path}", json=body) as response:
            text = await response.text()
            try:
                return response.status, json.loads(text)
            except ValueError:
                return response.status, text

    async def start(self, name: str, input_: Any = None, instance_id: str = "", version: str = "") -> str:
        """Start an orchestration. Returns its id."""
        query = "&".join(f"{k}={v}" for k, v in (("id", instance_id), ("version", version)) if v)
        status, answer = await self.call(f"api/start/{name}?{query}", input_)
        assert status == 202, answer
        return str(answer["id"])

    async def operate(self, operation: str, instance_id: str = "", body: Any = None, **query: str) -> Any:
        """Have the app's client do something. Returns the JSON of its answer."""
        query = {"id": instance_id, **query}
        status, answer = await self.call(
            f"api/client/{operation}?{'&'.join(f'{k}={v}' for k, v in query.items())}", body
        )
        assert status in (200, 202, 500), answer
        return answer

    async def status(self, instance_id: str) -> Any:
        """The status of an instance, or None. From the webhooks: workers may be dying meanwhile."""
        status, answer = await self.call(f"runtime/webhooks/durabletask/instances/{instance_id}", method="GET")
        assert status in (200, 202, 404), answer
        return None if status == 404 else answer

    async def result(self, instance_id: str, timeout_s: float = 20.0) -> Any:
        """Wait until an instance has ended. Returns its status."""
        return await self.until(instance_id, ENDED, timeout_s)

    async def until(self, instance_id: str, statuses: Sequence[str], timeout_s: float = 20.0) -> Any:
        """Wait until an instance has one of these statuses. Returns its status."""
        deadline = time.monotonic() + timeout_s
        while True:
            status = await self.status(instance_id)
            if status is not None and status["runtimeStatus"] in statuses:
                return status
            if time.monotonic() > deadline:
                raise AssertionError(f"{instance_id} was not {statuses} in {timeout_s:g} s: {status}\n{self.host.text}")
            await asyncio.sleep(0.02)

    async def until_custom_status(self, instance_id: str, wanted: Any, timeout_s: float = 20.0) -> None:
        """Wait until an instance has this custom status, or has ended; None waits for the end only."""
        deadline = time.monotonic() + timeout_s
        while (status := await self.status(instance_id))["runtimeStatus"] not in ENDED:
            if wanted is not None and status["customStatus"] == wanted:
                return
            assert time.monotonic() < deadline, status
            await asyncio.sleep(0.02)

    async def run(self, name: str, input_: Any = None) -> Any:
        """Start an orchestration and return its output, which it must have."""
        status = await self.result(await self.start(name, input_))
        assert status["runtimeStatus"] == "Completed", status
        return status["output"]


@asynccontextmanager
async def client_of(host: RunningHost) -> AsyncIterator[Client]:
    async with aiohttp.ClientSession() as session:
        yield Client(session, host)
