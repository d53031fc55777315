"""Outcomes are told over TLS, signed, to allowed and public addresses only, and told again where that failed."""

import base64
import hmac
import json
from collections.abc import AsyncIterator
from datetime import timedelta

import aiohttp
import pytest
from aiohttp import web

from shared.http_api import endpoints
from shared.http_api.webhooks import MakeConnector, Webhooks
from shared.jobs.record import JobState
from shared.jobs.webhook_ticket import DELAYS_S, WebhookTicket
from shared.security.outbound import AllowedTargets, GuardedResolver
from tests.support.api_world import ApiWorld, content
from tests.support.https_site import HttpsSite, https_site

HOST = "hooks.example.com"
URL = f"https://{HOST}/told?x=1"
SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()


class Receiver:
    """Answers as the test says, and keeps what came."""

    def __init__(self) -> None:
        self.status = 200
        self.headers: dict[str, str] = {}
        self.came: list[tuple[dict[str, str], bytes]] = []
        self.site: HttpsSite

    async def handle(self, request: web.Request) -> web.Response:
        self.came.append((dict(request.headers), await request.read()))
        return web.Response(status=self.status, headers=self.headers)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    found = Receiver()
    async with https_site(HOST, found.handle) as site:
        found.site = site
        yield found


@pytest.fixture
def world() -> ApiWorld:
    return ApiWorld()


def webhooks(
    world: ApiWorld,
    receiver: Receiver,
    targets: AllowedTargets | None = None,
    connector: MakeConnector | None = None,
) -> Webhooks:
    return Webhooks(
        world.store,
        world.failed_jobs,
        world.sender,
        "webhooks",
        targets or world.targets,
        SECRET,
        world.clock,
        connector or receiver.site.connector,
    )


async def submit(world: ApiWorld, job_id: str = "a1", **query: str) -> int:
    response = await world.call(
        endpoints.JOBS_SUBMIT,
        world.jobs.submit,
        body={"text": "hello"},
        query={"id": job_id, "webhook": URL, **query},
        kind="quick",
    )
    return response.status


async def end(world: ApiWorld, job_id: str = "a1") -> WebhookTicket:
    """Let the job succeed. Returns the ticket of its webhook."""
    record = world.store.rows["quick", job_id]
    await world.publisher.end(await world.publisher.succeeded(record, {"answer": "ünïcode"}, "m"))
    return WebhookTicket.decode(world.sender.queues["webhooks"][-1].body.encode())


async def test_an_outcome_is_told_and_signed(world: ApiWorld, receiver: Receiver) -> None:
    assert await submit(world) == 202
    assert world.sender.queues["webhooks"] == []
    await webhooks(world, receiver).deliver(await end(world))
    ((headers, body),) = receiver.came
    told = json.loads(body)
    assert (told["type"], told["data"]["id"], told["data"]["status"]) == ("job.succeeded", "a1", "succeeded")
    assert told["data"]["outcome"]["result"] == {"answer": "ünïcode"}
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.digest(b"k" * 32, signed, "sha256")).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert abs(int(headers["webhook-timestamp"]) - world.now.timestamp()) < 5


async def test_every_end_is_told(world: ApiWorld, receiver: Receiver) -> None:
    await submit(world, "c1")
    await world.call(endpoints.JOBS_CANCEL, world.jobs.cancel, id="c1")
    (message,) = world.sender.queues["webhooks"]
    await webhooks(world, receiver).deliver(WebhookTicket.decode(message.body.encode()))
    assert json.loads(receiver.came[0][1])["type"] == "job.cancelled"


@pytest.mark.parametrize("status", [500, 503, 429, 408])
async def test_what_fails_is_told_again_later(world: ApiWorld, receiver: Receiver, status: int) -> None:
    await submit(world)
    hooks, ticket = webhooks(world, receiver), await end(world)
    receiver.status = status
    for number, delay_s in enumerate(DELAYS_S, 2):
        await hooks.deliver(ticket)
        message = world.sender.queues["webhooks"][-1]
        ticket = WebhookTicket.decode(message.body.encode())
        assert ticket.attempt == number
        assert message.not_before is not None
        assert abs(message.not_before - world.now - timedelta(seconds=delay_s)) < timedelta(seconds=1)
    await hooks.deliver(ticket)
    assert len(world.sender.queues["webhooks"]) == 1 + len(DELAYS_S), "the last try was the last"
    ids = {headers["webhook-id"] for headers, _ in receiver.came}
    assert len(ids) == 1, "receivers know repetitions by the id"


@pytest.mark.parametrize("status", [400, 401, 404, 410, 301, 307])
async def test_what_is_refused_is_not_told_again(world: ApiWorld, receiver: Receiver, status: int) -> None:
    await submit(world)
    receiver.status, receiver.headers = status, {"Location": "https://127.0.0.1/inside"}
    await webhooks(world, receiver).deliver(await end(world))
    assert len(receiver.came) == 1, "redirects are not followed"
    assert len(world.sender.queues["webhooks"]) == 1


async def test_an_address_that_leads_inside_is_never_called(world: ApiWorld, receiver: Receiver) -> None:
    await submit(world)

    def guarded() -> aiohttp.BaseConnector:
        return aiohttp.TCPConnector(resolver=GuardedResolver(receiver.site.resolver()), ssl=False)

    await webhooks(world, receiver, connector=guarded).deliver(await end(world))
    assert receiver.came == []
    assert len(world.sender.queues["webhooks"]) == 2, "a name may lead elsewhere later"


async def test_a_foreign_certificate_is_not_trusted(world: ApiWorld, receiver: Receiver) -> None:
    await submit(world)

    def trusting_authorities() -> aiohttp.BaseConnector:
        return aiohttp.TCPConnector(resolver=receiver.site.resolver())

    await webhooks(world, receiver, connector=trusting_authorities).deliver(await end(world))
    assert receiver.came == []


async def test_what_is_not_allowed_any_more_is_not_called(world: ApiWorld, receiver: Receiver) -> None:
    await submit(world)
    await webhooks(world, receiver, AllowedTargets([])).deliver(await end(world))
    assert receiver.came == []
    assert len(world.sender.queues["webhooks"]) == 1


async def test_outdated_tickets_are_dropped(world: ApiWorld, receiver: Receiver) -> None:
    await submit(world)
    ticket = await end(world)
    hooks = webhooks(world, receiver)
    record = world.store.rows["quick", "a1"]
    again = await world.store.update(record.changed(world.now, state=JobState.PENDING, replay=1))
    await hooks.deliver(ticket)
    await world.store.remove(again)
    await hooks.deliver(ticket)
    assert receiver.came == []


async def test_a_large_result_is_to_be_fetched(world: ApiWorld, receiver: Receiver) -> None:
    await submit(world)
    record = world.store.rows["quick", "a1"]
    await world.publisher.end(await world.publisher.succeeded(record, {"answer": "x" * 300_000}, "m"))
    ticket = WebhookTicket.decode(world.sender.queues["webhooks"][-1].body.encode())
    await webhooks(world, receiver).deliver(ticket)
    told = json.loads(receiver.came[0][1])
    assert "outcome" not in told["data"]
    assert told["data"]["links"]["result"] == "/api/jobs/a1/result?kind=quick"


async def test_addresses_are_checked_when_jobs_are_submitted(world: ApiWorld) -> None:
    async def refused(body: object, **query: str) -> str:
        response = await world.call(endpoints.JOBS_SUBMIT, world.jobs.submit, body=body, query=query, kind="quick")
        assert response.status == 400
        return str(content(response)["code"])

    body = {"text": "hello"}
    assert await refused(body, webhook="https://evil.example/") == "invalid_webhook"
    assert await refused(body, webhook="https://169.254.169.254/metadata") == "invalid_webhook"
    assert await refused([{"body": body, "webhook": "http://hooks.example.com/"}]) == "invalid_batch"
    assert world.store.rows == {}
    response = await world.call(
        endpoints.JOBS_SUBMIT, world.jobs.submit, body=[{"id": "b1", "body": body, "webhook": URL}], kind="quick"
    )
    assert response.status == 202
    assert world.store.rows["quick", "b1"].webhook == URL


async def test_the_message_that_makes_up_for_a_crash_has_the_address(world: ApiWorld) -> None:
    await submit(world)
    (message,) = world.sender.queues["quick-in"]
    assert message.properties["webhook"] == URL
