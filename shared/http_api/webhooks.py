"""Tells outcomes to the addresses that submissions named.

The form is that of Standard Webhooks (github.com/standard-webhooks): headers `webhook-id`, `webhook-timestamp` and
`webhook-signature` (HMAC-SHA256 over id, timestamp and body), a body of type, timestamp and data.
"""

import base64
import hashlib
import hmac
import json
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import aiohttp

from shared.http_api.job_views import job_view
from shared.jobs.failures import FailedJobs
from shared.jobs.record import JobRecord
from shared.jobs.store import JobStore
from shared.jobs.webhook_ticket import WebhookTicket
from shared.messages import to_json
from shared.messaging.sender import MessageSender
from shared.security.outbound import AllowedTargets, GuardedResolver, TargetError
from shared.telemetry.events import log_event

_TIMEOUT = aiohttp.ClientTimeout(total=15, sock_connect=5)
_LARGEST_BYTES = 256_000
"""Of a result that is sent; a larger one is to be fetched."""
_AGAIN = frozenset({408, 425, 429})
_PREFIX = "whsec_"

logger = logging.getLogger(__name__)

type MakeConnector = Callable[[], aiohttp.BaseConnector]


def guarded_connector() -> aiohttp.BaseConnector:
    """Connects to public addresses alone."""
    return aiohttp.TCPConnector(resolver=GuardedResolver(aiohttp.ThreadedResolver()), use_dns_cache=False)


class Webhooks:
    """Calls webhooks. What fails for now is put back on the queue, for later; it never keeps a job from ending.

    Args:
        queue: of webhooks.
        secret: that signs; the same for all receivers.
    """

    def __init__(
        self,
        store: JobStore,
        failed_jobs: FailedJobs,
        sender: MessageSender,
        queue: str,
        targets: AllowedTargets,
        secret: str,
        clock: Callable[[], datetime],
        connector: MakeConnector = guarded_connector,
    ) -> None:
        self._store = store
        self._failed_jobs = failed_jobs
        self._sender = sender
        self._queue = queue
        self._targets = targets
        self._key = signing_key(secret)
        self._clock = clock
        self._connector = connector

    async def deliver(self, ticket: WebhookTicket) -> None:
        """Tell one outcome.

        Raises:
            StorageError, MessagingError: the message has to be delivered again.
        """
        record = await self._store.get(ticket.kind, ticket.job_id)
        if record is None or record.webhook is None or record.replay != ticket.replay or not record.state.final:
            self._log("webhook_outdated", ticket)  # the job was forgotten, or runs again and will tell of that
            return
        try:
            url = self._targets.check(record.webhook)
        except TargetError:
            self._log("webhook_not_allowed", ticket, level=logging.WARNING)
            return
        status = await self._post(url, record)
        if status is not None and 200 <= status < 300:
            self._log("webhook_delivered", ticket, status=status)
        elif status is not None and status < 500 and status not in _AGAIN:
            self._log("webhook_refused", ticket, level=logging.WARNING, status=status)
        elif ticket.delay_s is None:
            self._log("webhook_given_up", ticket, level=logging.WARNING, status=status)
        else:
            self._log("webhook_failed", ticket, level=logging.WARNING, status=status)
            again = replace(ticket, attempt=ticket.attempt + 1).message()
            due = self._clock() + timedelta(seconds=ticket.delay_s)
            await self._sender.send(self._queue, [replace(again, not_before=due)])

    async def _post(self, url: str, record: JobRecord) -> int | None:
        """The status of the answer; None where there was none. Redirects are answers, and not followed."""
        body = await self._body(record)
        message_id = f"{record.kind}:{record.job_id}:{record.replay}"
        sent_s = str(int(self._clock().timestamp()))
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "sluice-webhooks",
            "webhook-id": hashlib.sha256(message_id.encode()).hexdigest()[:32],
            "webhook-timestamp": sent_s,
        }
        headers["webhook-signature"] = sign(self._key, headers["webhook-id"], sent_s, body)
        try:
            async with (
                aiohttp.ClientSession(connector=self._connector(), timeout=_TIMEOUT, trust_env=False) as session,
                session.post(url, data=body, headers=headers, allow_redirects=False) as response,
            ):
                return response.status
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            log_event(logger, "webhook_unanswered", job_id=record.job_id, reason=type(error).__name__)
            return None

    async def _body(self, record: JobRecord) -> bytes:
        data: dict[str, Any] = job_view(record)
        if record.outcome is not None and record.outcome.size <= _LARGEST_BYTES:
            data |= {"outcome": json.loads(await self._failed_jobs.outcome(record) or b"null")}
        content = {"type": f"job.{record.state}", "timestamp": record.updated_at.isoformat(), "data": data}
        return to_json(content).encode("utf-8", "backslashreplace")

    @staticmethod
    def _log(event: str, ticket: WebhookTicket, *, level: int = logging.INFO, status: int | None = None) -> None:
        log_event(
            logger, event, level=level, job_id=ticket.job_id, kind=ticket.kind, attempt=ticket.attempt, status=status
        )


def signing_key(secret: str) -> bytes:
    """The key of a secret: `whsec_` and base64, as Standard Webhooks has it, or any text."""
    if secret.startswith(_PREFIX):
        return base64.b64decode(secret.removeprefix(_PREFIX))
    return secret.encode()


def sign(key: bytes, message_id: str, timestamp: str, body: bytes) -> str:
    """The header `webhook-signature`."""
    signed = hmac.digest(key, f"{message_id}.{timestamp}.".encode() + body, "sha256")
    return f"v1,{base64.b64encode(signed).decode()}"
