"""The status: its facts, and the page that is drawn of them."""

import base64
import hashlib
import json
import re
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode

import pytest

from shared.errors import MessagingError, ModelTimeoutError, StorageError, UnknownQueueError
from shared.http_api import endpoints
from shared.http_api.charts import nice, short
from shared.http_api.dashboard import FORM, Dashboard
from shared.http_api.messages import Call, Response
from shared.http_api.models import Status
from shared.http_api.status import KEEP_S, Provider, StatusApi, StatusParts, count_dead_letters
from shared.jobs.list_counts import Counts
from shared.jobs.quota_history import QuotaSample
from shared.jobs.record import JobState
from tests.support.api_world import ApiWorld, content

EVIL = "<script>alert(1)</script>'\"&"


class Lists:
    """A JobList's counts, as the test says."""

    def __init__(self, now: datetime) -> None:
        minute = int(now.timestamp() // 60)
        self.all = Counts(
            {JobState.PENDING: 3, JobState.SUCCEEDED: 1200}, {minute: (5, 4, 1, 0), minute - 59: (1, 1, 0, 0)}
        )
        self.failing = False

    async def counts(self, kind: str) -> Counts:
        if self.failing:
            raise StorageError("The list is away.")
        return self.all

    async def oldest(self, kind: str, state: JobState) -> datetime | None:
        return datetime(2026, 1, 1, tzinfo=UTC) - timedelta(minutes=5) if state is JobState.PENDING else None


class History:
    def __init__(self, now: datetime) -> None:
        self.samples = [QuotaSample(int(now.timestamp() // 60) - 1, 40_000, 5_000, 100_000, 2)]

    async def load(self, deployment: str) -> list[QuotaSample]:
        return self.samples


async def counter(name: str) -> Mapping[str, Any]:
    return {
        "ok": True,
        "now_s": 1000.0,
        "limits": {"tpm": 100_000, "rpm": 600},
        "used_tokens": 30_000,
        "booked_ahead_tokens": 2_000,
        "throttles": 2,
        "frozen_until_s": 1004.0,
        "next_free_s": 1000.0,
    }


class World(ApiWorld):
    """With a status and a page."""

    def __init__(self) -> None:
        super().__init__()
        self.lists, self.history = Lists(self.now), History(self.now)
        self.logs: Any = {
            "missing": 1,
            "instances": [{"instance": EVIL, "arrived": 7, "missing": 1, "last_seen": None}],
        }
        self.dead: Any = {"quick": {"quick-in": 0, "quick-run": 2, "quick-out": None}}
        self.runs: Any = []
        self.reads = 0
        kinds: Any = self.kinds
        parts: Any = {"job_list": self.lists, "history": self.history}

        async def waiting() -> Mapping[str, int]:
            return {"shop": 4}

        self.status = StatusApi(
            StatusParts(
                app_id=EVIL,
                kinds=kinds,
                store=self.store,
                waiting={"gpt": waiting},
                providers=[Provider("gpt", ("quick",), "x.openai.azure.com", "gpt-4o")],
                dead_letters=self._dead,
                runs=self._runs,
                logs=self._logs,
                release="1a2b",
                now=lambda: self.now,
                monotonic=lambda: self.now.timestamp(),
                **parts,
            )
        )
        self.dashboard = Dashboard(kinds, self.store, self.failed_jobs)

    async def _dead(self) -> Any:
        self.reads += 1
        if isinstance(self.dead, Exception):
            raise self.dead
        return self.dead

    async def _runs(self) -> Any:
        if isinstance(self.runs, Exception):
            raise self.runs
        return self.runs

    async def _logs(self) -> Any:
        return self.logs

    async def facts(self, **more: Any) -> Response:
        return await self.call(endpoints.STATUS, lambda call, _: self.status.status(call, counter), **more)

    async def page(self, **more: Any) -> Response:
        async def draw(call: Call, _: Any) -> Response:
            return self.dashboard.draw(call, await self.status.facts(call, counter))

        return await self.call(endpoints.DASHBOARD, draw, **more)

    async def press(self, form: Mapping[str, str], cookie: str | None, **more: Any) -> Response:
        headers = {"Content-Type": FORM, **({"Cookie": cookie} if cookie else {})}
        return await self.call(
            endpoints.DASHBOARD_REPLAY, self.dashboard.replay, body=urlencode(form).encode(), headers=headers, **more
        )


@pytest.fixture
def world() -> World:
    return World()


async def test_the_facts(world: World) -> None:
    await world.fail("bad")
    response = await world.facts()
    assert response.status == 200, response
    facts = content(response)
    Status.model_validate(facts)
    quick = facts["kinds"]["quick"]
    assert quick["states"]["pending"] == {"count": 3, "oldest_s": pytest.approx(300, abs=1)}
    assert quick["states"]["running"] == {"count": 0, "oldest_s": None}
    assert quick["states"]["succeeded"] == {"count": 1200}
    assert quick["last_hour"] == {"accepted": 6, "succeeded": 5, "failed": 1, "cancelled": 0}
    assert (len(quick["minutes"]), quick["minutes"][-1]["failed"]) == (60, 1)
    gpt = facts["deployments"]["gpt"]
    assert (gpt["free_tokens"], gpt["frozen_for_s"], gpt["waiting"]) == (70_000, 4.0, {"shop": 4})
    assert (len(gpt["minutes"]), gpt["minutes"][-2]["used"], gpt["minutes"][-2]["free"]) == (60, 40_000, 60_000)
    assert [one["id"] for one in facts["failures"]] == ["bad"]
    assert facts["dead_letters"]["quick"] == {"quick-in": 0, "quick-run": 2, "quick-out": None}
    assert (facts["release"], facts["providers"][0]["for"]) == ("1a2b", ["quick"])


async def test_many_who_look_cost_one_look(world: World) -> None:
    for _ in range(5):
        await world.facts()
    assert world.reads == 1
    world.now += timedelta(seconds=KEEP_S)
    await world.facts()
    assert world.reads == 2


async def test_what_cannot_be_had_is_said_and_the_rest_is_shown(world: World) -> None:
    world.lists.failing = True
    world.dead = MessagingError("Service Bus is away.")
    facts = content(await world.facts())
    Status.model_validate(facts)
    assert facts["kinds"]["quick"] == {"error": "The list is away."}
    assert facts["dead_letters"] == {"error": "Service Bus is away."}
    assert facts["deployments"]["gpt"]["free_tokens"] == 70_000
    page = (await world.page()).body.decode()
    assert "The list is away." in page
    assert "Service Bus is away." in page


async def test_it_is_not_for_those_who_may_see_some_apps_alone(world: World) -> None:
    assert (await world.facts(apps="shop")).status == 403
    assert (await world.page(apps="shop")).status == 403


async def test_dead_letters_that_may_not_be_seen() -> None:
    world = ApiWorld()
    kinds: Any = world.kinds

    class Queues:
        async def count(self, queue: str, *, dead_letters: bool = False, limit: int = 1000) -> int:
            assert dead_letters
            if queue.endswith("out"):
                raise UnknownQueueError
            return {"quick-run": 3}.get(queue, 0)

    found = await count_dead_letters(kinds, Queues(), "webhooks")
    assert found["quick"] == {"quick-in": 0, "quick-run": 3, "quick-out": None}
    assert set(found) == {*kinds, "webhooks"}


class Page(HTMLParser):
    """What a browser would see of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.attributes if name == tag]


async def test_the_page_shows_the_facts_and_loads_nothing(world: World) -> None:
    await world.fail("bad")
    response = await world.page()
    text = response.body.decode()
    found = Page(text)
    assert response.content_type == "text/html; charset=utf-8"
    for wanted in ("1,200", "5.0 min", "invalid_message", "70,000", "quick-run", "x.openai.azure.com", "0.1.0 (1a2b)"):
        assert wanted in text, wanted
    assert found.tags["svg"] == 2
    assert found.tags["button"] == 1
    assert found.tags["h1"] == found.tags["main"] == 1
    assert not [one for _, one in found.attributes if {"src", "onclick", "style"} & set(one)]
    assert {one.get("href") for one in found.named("a")} == {"#main"}
    assert all("scope" in one for one in found.named("th"))
    assert found.tags["caption"] == found.tags["table"]
    ids = [one["id"] for _, one in found.attributes if "id" in one]
    assert len(ids) == len(set(ids))


RUN = {
    "run": "june",
    "kind": "feedback",
    "state": "running",
    "wish": "paused",
    "app_id": "shop",
    "rows": 200_000,
    "rejected": 10,
    "jobs": 199_990,
    "done": 91_995,
    "failed": 12,
    "percent": 45.9,
    "ends_at": "2026-01-01T12:34:56+00:00",
    "cost": 12.346,
    "currency": "EUR",
}


async def test_runs_and_how_far_they_are(world: World) -> None:
    small = {**RUN, "run": "may", "state": "ended", "wish": "running", "rows": 5, "percent": 100.0, "cost": None}
    world.runs = [RUN, small, {**RUN, "run": "july", "percent": None, "ends_at": None}]
    Status.model_validate(content(await world.facts()))
    text = (await world.page(query={"code": "k/ey"})).body.decode()
    found = Page(text)
    bars = {one["aria-label"]: (one["value"], one["max"]) for one in found.named("progress")}
    assert bars == {"Progress of june": ("45.9", "100"), "Progress of may": ("100.0", "100")}
    for wanted in ("running, to be paused", ">ended<", "45.9 %", "200,000", "91,995", "2026-01-01 12:34", "12.35 EUR"):
        assert wanted in text, wanted
    assert "the file is being read" in text
    links = [one["href"] for one in found.named("a") if one["href"] != "#main"]
    assert links[0] == "/api/runs/june/results?format=csv&code=k%2Fey", "it works with the key of the page"
    assert "CSV, the first 5,000 rows or so" in found.texts
    assert "CSV" in found.texts


async def test_runs_that_cannot_be_had(world: World) -> None:
    world.runs = StorageError("The runs are away.")
    Status.model_validate(content(await world.facts()))
    assert "The runs are away." in (await world.page()).body.decode()


async def test_the_policy_allows_the_pages_own_style_and_script_alone(world: World) -> None:
    response = await world.page()
    text, policy = response.body.decode(), response.headers["Content-Security-Policy"]
    for tag in ("style", "script"):
        (inner,) = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inner.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy


async def test_everything_is_escaped(world: World) -> None:
    await world.fail(EVIL)
    world.runs = [{**RUN, "run": EVIL, "kind": EVIL, "currency": EVIL}]
    for query in ({"replayed": EVIL}, {"refused": EVIL, "why": EVIL}, {"code": EVIL}):
        text = (await world.page(query=query)).body.decode()
        assert Page(text).tags["script"] == 1
        assert EVIL not in text
        assert "&lt;script&gt;" in text


def cookie_of(response: Response) -> tuple[str, str]:
    """The cookie, and the token in the page's forms."""
    cookie = response.headers["Set-Cookie"]
    assert {"HttpOnly", "SameSite=Strict", "Secure", "Path=/api/dashboard"} <= set(cookie.split("; "))
    (token,) = {str(one["value"]) for one in Page(response.body.decode()).named("input") if one.get("name") == "token"}
    return cookie.partition(";")[0], token


async def test_a_button_runs_a_job_again(world: World) -> None:
    record = await world.add("late")
    await world.publisher.end(await world.publisher.failed(record, ModelTimeoutError("late")))
    cookie, token = cookie_of(await world.page())
    response = await world.press({"kind": "quick", "id": "late", "token": token}, cookie, query={"code": "k/ey"})
    assert (response.status, response.headers["Location"]) == (303, "/api/dashboard?replayed=late&code=k%2Fey")
    assert world.store.rows["quick", "late"].state is JobState.PENDING
    assert world.durable.woken[-1] == "quick"
    same, _ = cookie_of(await world.page(headers={"Cookie": cookie}))
    assert same == cookie, "other tabs go on working"


async def test_a_button_that_cannot_help_says_why(world: World) -> None:
    await world.fail("bad")
    cookie, token = cookie_of(await world.page())
    response = await world.press({"kind": "quick", "id": "bad", "token": token}, cookie)
    assert response.status == 303
    assert response.headers["Location"].startswith("/api/dashboard?refused=bad&why=The%20field%20text%20is%20empty")
    text = (await world.page(query={"refused": "bad", "why": "The field text is empty."})).body.decode()
    assert "The job bad doesn&#39;t run again: The field text is empty." in text


async def test_forms_of_others_do_nothing(world: World) -> None:
    await world.fail("bad")
    cookie, token = cookie_of(await world.page())
    form = {"kind": "quick", "id": "bad", "token": token}
    name = cookie.partition("=")[0]
    assert (await world.press(form, None)).status == 403
    assert (await world.press({**form, "token": "x" * 32}, cookie)).status == 403
    assert (await world.press({**form, "token": ""}, f"{name}=")).status == 403
    assert (await world.press({"kind": "quick", "id": "bad"}, cookie)).status == 403
    assert (await world.press(form, f"{name}=ä")).status == 403
    assert (await world.press(form, cookie, roles=["Sluice.Read"], apps="shop")).status == 403
    assert (await world.press({**form, "id": "none"}, cookie)).status == 404
    assert (await world.press({**form, "kind": "slow"}, cookie)).status == 404
    await world.succeed("good")
    assert (await world.press({**form, "id": "good"}, cookie)).status == 409
    assert json.loads((await world.press(form, None)).body)["code"] == "cross_site"


def test_round_numbers() -> None:
    assert [nice(value) for value in (1, 3, 10, 11, 49, 51, 100_000)] == [1, 5, 10, 20, 50, 100, 100_000]


def test_numbers_of_an_axis() -> None:
    assert [short(value) for value in (0, 0.5, 5, 1_000, 2_500, 1_000_000)] == ["0", "0.5", "5", "1k", "2.5k", "1M"]
