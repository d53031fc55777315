"""A whole system whose storage and broker a test can take away, and short ways to look at its admission."""

import asyncio
import json
import os
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
from azure.servicebus import ServiceBusClient, ServiceBusMessage

from local.stack import ALL_PARTS, Stack
from local.stack_parts import AZURITE, DEPLOYMENT, PROJECT, SERVICE_BUS, SERVICE_BUS_CONFIG
from shared.bootstrap import Backend
from tests.e2e.conftest import System
from tests.support.azurite import Azurite, azurite
from tests.support.host import RunningHost, functions_host
from tests.support.ledger import Ledger, settle_ledger
from tests.support.service_bus import service_bus
from tests.support.stack import stack

JOB_TOKENS = 1_410
"""About what the endpoint charges for a job of these tests."""
LOCK_S = 10


class Site(System):
    """A running stack with an Azurite and a broker of its own."""

    def __init__(self, running: Stack, storage: Azurite, env: Mapping[str, str]) -> None:
        super().__init__(running)
        self.storage = storage
        self.env = {**running.settings, **env}

    @property
    def log(self) -> str:
        """All that the host has printed."""
        return (self.logs / "host.log").read_text(errors="replace")

    @property
    def last_of_log(self) -> str:
        """Of what the host has printed the last 256 KB."""
        with (self.logs / "host.log").open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - 262_144))
            return log.read().decode(errors="replace")

    def jobs(self, count: int, *, app_id: str = "shop", prefix: str = "") -> list[str]:
        """Send jobs in batches. Returns their ids."""
        prefix = prefix or unique_name()
        ids = [f"{prefix}-{number:04d}" for number in range(count)]
        messages = [
            ServiceBusMessage(
                json.dumps({"text": f"comment {job_id}"}), message_id=job_id, application_properties={"app_id": app_id}
            )
            for job_id in ids
        ]
        with (
            ServiceBusClient.from_connection_string(self.env["ServiceBusConnection"]) as client,
            client.get_queue_sender("feedback-in") as sender,
        ):
            for start in range(0, count, 100):
                sender.send_messages(messages[start : start + 100])
        return ids

    async def ended(self, ids: Sequence[str], *, timeout_s: float = 120.0) -> Ledger:
        """Wait until all have ended, and check that each did so once, well, and at its first attempt."""
        ledger = await settle_ledger(self.env, "feedback", ids, timeout_s=timeout_s)
        assert ledger.balanced, ledger.summary()
        assert ledger.statuses == {"succeeded": len(ids)}, ledger.summary()
        return ledger

    async def took_s(self, backend: Backend, job_id: str, *, timeout_s: float = 120.0) -> float:
        """Wait until one job is published. Returns how long that was after it was taken in, in s."""
        deadline = time.monotonic() + timeout_s
        while True:
            record = await backend.store.get("feedback", job_id)
            if record is not None and record.published_at is not None:
                return (record.published_at - record.created_at).total_seconds()
            assert time.monotonic() < deadline, record and record.state
            await asyncio.sleep(0.05)

    def until_charged(self, tokens: int, *, timeout_s: float = 120.0) -> None:
        """Wait until the endpoint has charged so many tokens since its statistics were reset."""
        deadline = time.monotonic() + timeout_s
        while self.stats()["tokens_charged"] < tokens:
            assert time.monotonic() < deadline, self.stats()
            time.sleep(0.1)

    def stats(self) -> dict[str, Any]:
        """Of the endpoint."""
        return dict(self.control("GET", "stats"))

    async def tokens(
        self, operation: str, body: Any = None, *, method: str = "POST", deployment: str = DEPLOYMENT
    ) -> tuple[int, Any]:
        """Call the token counter. A body of bytes is sent as it is. Returns status and JSON."""
        url = f"{self.env['SLUICE_URL']}/api/tokens/{deployment}/{operation}"
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session,
            session.request(method, url, data=data if method != "GET" else None) as response,
        ):
            answer = await response.json(content_type=None)
            if response.status >= 400:
                assert response.content_type == "application/problem+json", answer
                assert answer["status"] == response.status
            return response.status, answer

    async def status(self) -> dict[str, Any]:
        code, answer = await self.tokens("status", method="GET")
        assert code == 200, answer
        return dict(answer)

    async def warm(self) -> None:
        """Get past slow start: until so many calls started in 10 s, few are let through."""
        await self.ended(self.jobs(75))

    @contextmanager
    def second_host(self) -> Iterator[RunningHost]:
        """Another host on the same storage, broker, model and task hub, like a second instance in the cloud."""
        spec = self.stack.parts["host"].spec
        env = {**self.env, **spec.env}
        with functions_host(PROJECT, env, ["--durable", str(self.stack.data / "durable")]) as host:
            yield host


def until(holds: Callable[[], bool], timeout_s: float = 120.0) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def unique_name() -> str:
    """Of jobs that no other test has."""
    return secrets.token_hex(4)


@contextmanager
def site(folder: Path, *, tpm: int, model_args: Sequence[str] = (), **host_env: str) -> Iterator[Site]:
    """A running system with this quota at the endpoint and in the app's settings.

    Messages of killed receivers come again after 10 s instead of a minute.
    """
    config = json.loads(SERVICE_BUS_CONFIG.read_text())
    for queue in config["UserConfig"]["Namespaces"][0]["Queues"]:
        queue["Properties"]["LockDuration"] = f"PT{LOCK_S}S"
    with azurite(folder / "azurite") as storage, service_bus(config, folder / "bus") as bus:
        env = {
            "AzureWebJobsStorage": storage.connection_string,
            "ServiceBusConnection": bus.connection_string,
            "OPENAI_TOKEN_LIMIT_PER_MINUTE": str(tpm),
            **host_env,
        }
        with stack(
            folder / ".sluice",
            parts=[part for part in ALL_PARTS if part not in (AZURITE, SERVICE_BUS)],
            model_args=["--engine", "instant", "--tpm", str(tpm), *model_args],
            host_env=env,
        ) as running:
            yield Site(running, storage, env)


def charged(stats: Mapping[str, Any], after_s: float, length_s: float) -> int:
    """Tokens that the endpoint charged from so long after its first call, for so long."""
    begin_s = stats["history"][0]["t"] + after_s
    return sum(s["charged"] for s in stats["history"] if begin_s <= s["t"] < begin_s + length_s)
