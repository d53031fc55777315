"""The whole system for end-to-end tests, and a hand to send jobs and look at what became of them."""

import json
import secrets
import subprocess
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
from azure.servicebus import ServiceBusClient, ServiceBusMessage

from local.stack import Stack
from shared.bootstrap import Backend, connect
from shared.config import Settings
from tests.support.command import sluice
from tests.support.ledger import Ledger, settle_ledger
from tests.support.stack import stack

MAX_ATTEMPTS = 3
WEBHOOK_PORT = 34_443
"""Of a webhook on this machine, which is never called."""


class System:
    """A running stack. Job ids and texts that go through it are unique to each test."""

    def __init__(self, running: Stack) -> None:
        self.stack = running
        self.env = running.settings
        self.logs = running.data / "logs"

    def send(self, bodies: Mapping[str, bytes], queue: str = "feedback-in", **envelope: Any) -> None:
        """Send messages as any producer would: with the SDK, job id -> body."""
        properties = envelope.pop("properties", None)
        with (
            ServiceBusClient.from_connection_string(self.env["ServiceBusConnection"]) as client,
            client.get_queue_sender(queue) as sender,
        ):
            for job_id, body in bodies.items():
                sender.send_messages(
                    ServiceBusMessage(body, message_id=job_id, application_properties=properties, **envelope)
                )

    async def ledger(self, job_ids: Sequence[str], *, timeout_s: float = 90.0, kind: str = "feedback") -> Ledger:
        """Wait for the jobs to end and take stock."""
        return await settle_ledger(self.env, kind, job_ids, timeout_s=timeout_s)

    async def outcomes(self, job_ids: Sequence[str], kind: str = "feedback") -> dict[str, dict[str, Any]]:
        """Wait for the jobs to end, check that each ended once, and return their outcomes."""
        ledger = await self.ledger(job_ids, kind=kind)
        assert ledger.balanced, ledger.summary()
        backend: Backend = await connect(Settings.from_env(self.env))
        try:
            found = {}
            for job_id in job_ids:
                record = await backend.store.get(kind, job_id)
                assert record is not None
                data = await backend.failed_jobs.outcome(record)
                found[job_id] = json.loads(data or b"null")
            return found
        finally:
            await backend.close()

    def published(self) -> list[tuple[str, str | None]]:
        """Message id and correlation id of everything in the out queue."""
        with (
            ServiceBusClient.from_connection_string(self.env["ServiceBusConnection"]) as client,
            client.get_queue_receiver("feedback-out") as receiver,
        ):
            found: list[tuple[str, str | None]] = []
            after = 0
            while messages := receiver.peek_messages(250, sequence_number=after + 1):
                found += [(m.message_id or "", m.correlation_id) for m in messages]
                after = messages[-1].sequence_number or after
            return found

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """Call the model server's control endpoint."""
        request = urllib.request.Request(  # noqa: S310 - loopback
            f"{self.env['AZURE_OPENAI_ENDPOINT']}/control/{path}",
            data=None if body is None else json.dumps(body).encode(),
            method=method,
        )
        with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310 - loopback
            return json.load(response)

    def sluice(self, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run the command beside this stack."""
        return sluice(*arguments, cwd=self.stack.data.parent, stdin=stdin)


@pytest.fixture(scope="package")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """One stack for all tests that don't break it. Its model answers at once; jobs get three attempts."""
    data = tmp_path_factory.mktemp("e2e") / ".sluice"
    with stack(
        data,
        model_args=["--engine", "instant", "--no-limits"],
        host_env={
            "SLUICE_MAX_ATTEMPTS": str(MAX_ATTEMPTS),
            "SLUICE_MAX_THROTTLES": "3",
            "AZURE_OPENAI_TIMEOUT_S": "3",
            "SLUICE_SWEEP_SCHEDULE": "*/3 * * * * *",  # finds replays from the command line
            "SLUICE_WEBHOOK_HOSTS": f"localhost:{WEBHOOK_PORT}",
            "SLUICE_WEBHOOK_SECRET": secrets.token_hex(32),
        },
    ) as running:
        yield System(running)


@pytest.fixture
def unique() -> str:
    """A name that no other test uses."""
    return secrets.token_hex(4)
