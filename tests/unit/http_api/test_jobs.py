"""The endpoints of jobs."""

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.http_api import endpoints
from shared.http_api.messages import Response
from shared.jobs.record import JobState
from shared.jobs.submission import SAFETY
from tests.support.api_world import ApiWorld, content

BODY = {"text": "The parcel came late."}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@pytest.fixture
def world() -> ApiWorld:
    return ApiWorld()


async def submit(world: ApiWorld, body: Any = BODY, kind: str = "quick", **more: Any) -> Response:
    return await world.call(endpoints.JOBS_SUBMIT, world.jobs.submit, body=body, kind=kind, **more)


async def get(world: ApiWorld, job_id: str, **more: Any) -> Response:
    return await world.call(endpoints.JOBS_GET, world.jobs.get, id=job_id, **more)


async def page(world: ApiWorld, **query: str) -> list[str]:
    response = await world.call(endpoints.JOBS_LIST, world.jobs.page, query=query)
    assert response.status == 200, response
    return [job["id"] for job in content(response)["jobs"]]


async def test_one_job(world: ApiWorld) -> None:
    response = await submit(world, query={"id": "a1", "app": "shop", "priority": "high", "run": "r1"})
    assert response.status == 202
    assert response.headers["Location"] == "/api/jobs/a1?kind=quick"
    assert response.headers["Retry-After"] == "2"
    job = content(response)
    assert (job["id"], job["kind"], job["status"], job["app_id"], job["priority"]) == (
        "a1",
        "quick",
        "pending",
        "shop",
        "high",
    )
    record = world.store.rows["quick", "a1"]
    assert record.body.inline == json.dumps(BODY)
    assert (record.run_id, record.correlation_id) == ("r1", response.headers["X-Correlation-Id"])
    assert record.traceparent is not None
    assert world.durable.woken == ["quick"]
    assert content(await get(world, "a1"))["id"] == "a1"


async def test_a_message_that_comes_later_makes_up_for_a_crash(world: ApiWorld) -> None:
    """The message is sent first. With it alone intake does the whole job."""
    world.store.failing = True
    assert (await submit(world, query={"id": "a1", "app": "shop"})).status == 503
    world.store.failing = False
    (message,) = world.sender.queues["quick-in"]
    assert message.not_before is not None
    assert message.not_before - world.now < SAFETY
    assert (message.message_id, message.body, message.properties["app_id"]) == ("a1", json.dumps(BODY), "shop")
    assert (await submit(world, query={"id": "a1", "app": "shop"})).status == 202
    assert len(world.sender.queues["quick-in"]) == 1, "duplicate detection drops the second"


async def test_where_no_message_can_be_sent_nothing_is_taken(world: ApiWorld) -> None:
    world.sender.failing = True
    response = await submit(world)
    assert (response.status, content(response)["code"]) == (503, "messaging")
    assert world.store.rows == {}


async def test_a_large_body_travels_as_a_claim_check(world: ApiWorld) -> None:
    body = {"text": "x" * 250_000}
    assert (await submit(world, body, query={"id": "a1"})).status == 202
    (message,) = world.sender.queues["quick-in"]
    assert message.body == ""
    assert world.claims.blobs[str(message.properties["claim_check"])] == json.dumps(body).encode()
    assert world.store.rows["quick", "a1"].claim_check == message.properties["claim_check"]


@pytest.mark.parametrize(
    ("body", "status", "code", "field"),
    [
        (b"", 400, "invalid_message", None),
        (b"{", 400, "invalid_message", None),
        (b"null", 400, "invalid_message", None),
        (b'{"text": ""}', 400, "invalid_message", "text"),
        (b'{"text": 5}', 400, "invalid_message", "text"),
        (b'{"text": "a", "mood": 1}', 400, "invalid_message", "mood"),
        (b'{"text": "oversized"}', 413, "oversized_request", "tokens"),
        (b"\xff\xfe", 400, "invalid_message", None),
        (b'{"text": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", 400, "invalid_message", None),
        (b"[" * 100_000, 400, "invalid_message", None),
        (b'{"text": "\\ud800"}', 400, "invalid_message", None),
    ],
    ids=lambda value: str(value)[:20] if isinstance(value, bytes) else None,
)
async def test_bad_bodies_are_refused_and_leave_nothing(
    world: ApiWorld, body: bytes, status: int, code: str, field: str | None
) -> None:
    response = await submit(world, body)
    problem = content(response)
    assert (response.status, problem["code"], problem.get("field")) == (status, code, field)
    assert world.store.rows == {}
    assert world.sender.queues["quick-in"] == []


async def test_an_unknown_kind(world: ApiWorld) -> None:
    assert (await submit(world, kind="slow")).status == 404
    assert (await submit(world, query={"prio": "high"})).status == 400
    assert (await submit(world, query={"priority": "highest"})).status == 400
    assert (await submit(world, query={"id": "a/b"})).status == 400
    assert (await submit(world, query={"app": "a\nb"})).status == 400


async def test_the_same_id_is_one_job(world: ApiWorld) -> None:
    first, second = [await submit(world, query={"id": "a1"}) for _ in range(2)]
    assert first.status == second.status == 202
    assert content(first)["created_at"] == content(second)["created_at"]
    other = await submit(world, {"text": "another"}, query={"id": "a1"})
    assert (other.status, content(other)["code"]) == (409, "id_taken")
    assert len(world.store.rows) == 1


async def test_the_same_idempotency_key_is_one_job(world: ApiWorld) -> None:
    keys = ['"k1"', "k1", "k2"]
    ids = [content(await submit(world, headers={"Idempotency-Key": key}))["id"] for key in keys]
    assert ids[0] == ids[1] != ids[2]
    assert content(await submit(world, kind="deep", headers={"Idempotency-Key": "k1"}))["id"] != ids[0]
    assert (await submit(world, {"text": "b"}, headers={"Idempotency-Key": "k1"})).status == 409
    for bad in ("", "x" * 300, "a\x00b"):
        assert (await submit(world, headers={"Idempotency-Key": bad})).status == 400
    assert len({content(await submit(world))["id"] for _ in range(3)}) == 3


async def test_a_job_that_was_mended_meanwhile_is_still_the_same(world: ApiWorld) -> None:
    await submit(world, query={"id": "a1"})
    record = world.store.rows["quick", "a1"]
    await world.store.update(record.changed(world.now, replay=1, body=await_body("mended")))
    assert (await submit(world, query={"id": "a1"})).status == 202


def await_body(text: str) -> Any:
    from shared.storage.payloads import Payload

    return Payload(len(text), "other", inline=text)


async def test_a_batch(world: ApiWorld) -> None:
    items = [
        {"id": "b1", "body": BODY, "app_id": "forum", "priority": "low", "correlation_id": "c1"},
        {"body": {"text": "ünïcode ✓"}},
    ]
    response = await submit(world, items, query={"app": "shop"}, headers={"Idempotency-Key": "k"})
    assert response.status == 202
    jobs = content(response)["jobs"]
    assert [(job["id"] == "b1", job["app_id"], job["priority"]) for job in jobs] == [
        (True, "forum", "low"),
        (False, "shop", "normal"),
    ]
    assert world.store.rows["quick", "b1"].correlation_id == "c1"
    again = content(await submit(world, items, query={"app": "shop"}, headers={"Idempotency-Key": "k"}))["jobs"]
    assert [job["id"] for job in again] == [job["id"] for job in jobs]
    assert len(world.store.rows) == 2


async def test_a_batch_with_something_wrong_is_refused_as_a_whole(world: ApiWorld) -> None:
    items = [{"body": BODY}, {"body": {"text": ""}}, {"body": {"text": "oversized"}}]
    response = await submit(world, items)
    assert (response.status, content(response)["code"]) == (400, "invalid_batch")
    assert [(e["index"], e["code"], e.get("field")) for e in content(response)["errors"]] == [
        (1, "invalid_message", "text"),
        (2, "oversized_request", "tokens"),
    ]
    for bad in (
        [],
        [{"body": BODY}] * 101,
        [1],
        [{"body": []}],
        [{"body": BODY, "idd": 1}],
        [{}],
        [{"id": "a/", "body": {}}],
    ):
        assert (await submit(world, bad)).status == 400
    twice = [{"id": "a", "body": BODY}, {"id": "a", "body": BODY}]
    assert (await submit(world, twice)).status == 400
    assert (await submit(world, [{"body": BODY}], query={"id": "a"})).status == 400
    assert (await submit(world, b'[{"body": {"text": NaN}}]')).status == 400
    assert (await submit(world, b'[{"body": {"text": "\\ud800"}}]')).status == 400
    assert world.store.rows == {}


@given(
    st.binary(max_size=200)
    | JSON.map(lambda value: json.dumps(value).encode())
    | st.lists(JSON, max_size=3).map(lambda v: json.dumps([{"body": one} for one in v]).encode())
)
async def test_any_body_is_taken_or_refused(body: bytes) -> None:
    response = await submit(ApiWorld(), body)
    assert response.status in (202, 400, 413)


@given(
    st.dictionaries(
        st.sampled_from(["id", "app", "priority", "run", "kind", "status", "since", "limit", "cursor", "wait", "x"]),
        st.text(max_size=20),
    )
)
async def test_any_query_is_answered_or_refused(query: dict[str, str]) -> None:
    world = ApiWorld()
    await world.add("a1")
    assert (await submit(world, query=query)).status in (202, 400)
    for name in ("JOBS_GET", "JOBS_LIST", "JOBS_RESULT"):
        handler = {"JOBS_GET": world.jobs.get, "JOBS_LIST": world.jobs.page, "JOBS_RESULT": world.jobs.result}[name]
        response = await world.call(getattr(endpoints, name), handler, id="a1", query=query)
        assert response.status in (200, 400, 404, 409)


async def test_callers_submit_for_their_own_apps(world: ApiWorld) -> None:
    assert content(await submit(world, apps="shop"))["app_id"] == "shop", "the only one is taken for granted"
    assert (await submit(world, apps="shop", query={"app": "bank"})).status == 403
    assert (await submit(world, apps="shop forum")).status == 403
    assert (await submit(world, apps="")).status == 403
    assert content(await submit(world, apps="shop forum", query={"app": "forum"}))["app_id"] == "forum"
    batch = await submit(world, [{"body": BODY, "app_id": "bank"}], apps="shop")
    assert (batch.status, content(batch)["errors"][0]["code"]) == (400, "forbidden")


async def test_jobs_of_others_do_not_exist(world: ApiWorld) -> None:
    await world.fail("a1", app_id="bank")
    for endpoint, handler in (
        (endpoints.JOBS_GET, world.jobs.get),
        (endpoints.JOBS_RESULT, world.jobs.result),
        (endpoints.JOBS_RETRY, world.jobs.retry),
        (endpoints.JOBS_CANCEL, world.jobs.cancel),
    ):
        response = await world.call(endpoint, handler, id="a1", apps="shop")
        missing = await world.call(endpoint, handler, id="a2", apps="shop")
        assert response.status == missing.status == 404
        assert content(response)["detail"].replace("a1", "a2") == content(missing)["detail"]
    listed = await world.call(endpoints.JOBS_LIST, world.jobs.page, apps="shop")
    assert content(listed)["jobs"] == []
    asked = await world.call(endpoints.JOBS_LIST, world.jobs.page, apps="shop", query={"app": "bank"})
    assert content(asked)["jobs"] == []
    failures = await world.call(endpoints.ERRORS_LIST, world.errors.page, apps="shop")
    assert content(failures)["errors"] == []
    replay = await world.call(
        endpoints.ERRORS_REPLAY, world.errors.replay, apps="shop", body={"kind": "quick", "ids": ["a1"]}
    )
    assert content(replay)["refused"][0]["code"] == "not_found"


async def test_etags(world: ApiWorld) -> None:
    await world.add("a1")
    first = await get(world, "a1")
    etag = first.headers["ETag"]
    for tag in (etag, f"W/{etag}", f'"x", {etag}', "*"):
        same = await get(world, "a1", headers={"If-None-Match": tag})
        assert (same.status, same.body, same.headers["ETag"]) == (304, b"", etag)
    assert (await get(world, "a1", headers={"If-None-Match": '"x"'})).status == 200
    world.store.touch("quick", "a1")
    assert (await get(world, "a1", headers={"If-None-Match": etag})).status == 200


async def test_waiting_for_the_end(world: ApiWorld) -> None:
    record = await world.add("a1")

    async def end() -> None:
        await world.publisher.end(await world.publisher.succeeded(record, {}, "m"))

    async def nothing() -> None:
        pass

    world.on_sleep = [nothing, nothing, end]
    response = await get(world, "a1", query={"wait": "20"})
    assert content(response)["status"] == "succeeded"
    assert "Retry-After" not in response.headers
    assert len(world.slept_s) == 3
    await get(world, "a1", query={"wait": "20"})
    assert len(world.slept_s) == 3, "what has ended is answered at once"


async def test_waiting_in_vain_ends(world: ApiWorld) -> None:
    await world.add("a1")
    begun = world.now
    response = await get(world, "a1", query={"wait": "20"})
    assert content(response)["status"] == "pending"
    assert timedelta(seconds=19) < world.now - begun < timedelta(seconds=21)
    assert len(world.slept_s) < 30
    assert (await get(world, "a1", query={"wait": "31"})).status == 400


async def test_waiting_for_a_change(world: ApiWorld) -> None:
    record = await world.add("a1")
    etag = (await get(world, "a1")).headers["ETag"]

    async def run() -> None:
        await world.store.update(record.changed(world.now, state=JobState.RUNNING))

    world.on_sleep = [run]
    response = await get(world, "a1", query={"wait": "20"}, headers={"If-None-Match": etag})
    assert content(response)["status"] == "running"
    etag = response.headers["ETag"]
    assert (await get(world, "a1", query={"wait": "2"}, headers={"If-None-Match": etag})).status == 304


async def test_an_id_that_two_kinds_have(world: ApiWorld) -> None:
    await world.add("a1")
    assert content(await get(world, "a1"))["kind"] == "quick"
    await world.add("a1", "deep")
    response = await get(world, "a1")
    assert (response.status, content(response)["code"]) == (409, "ambiguous_job")
    assert content(await get(world, "a1", query={"kind": "deep"}))["kind"] == "deep"
    assert (await get(world, "a1", query={"kind": "slow"})).status == 400


async def test_ids_that_producers_choose(world: ApiWorld) -> None:
    await world.add("a/b c é")
    link = content(await get(world, "a/b c é"))["links"]["self"]
    assert link == "/api/jobs/a%2Fb%20c%20%C3%A9?kind=quick"
    # The host decodes a path, but for its slashes.
    assert content(await get(world, "a%2Fb c é"))["id"] == "a/b c é"
    for odd in ("a\r\nset-cookie: x", "x" * 5000, "\ud800", "%"):
        response = await get(world, odd)
        assert response.status == 404
        assert "\n" not in content(response)["detail"]


async def test_results(world: ApiWorld) -> None:
    async def result(job_id: str, **more: Any) -> Response:
        return await world.call(endpoints.JOBS_RESULT, world.jobs.result, id=job_id, **more)

    await world.add("waits")
    await world.succeed("good")
    await world.fail("bad")
    waits = await result("waits")
    assert (waits.status, content(waits)["code"], waits.headers["Retry-After"]) == (409, "not_ended", "2")
    assert content(waits)["job_id"] == "waits"
    good = await result("good")
    assert (content(good)["status"], content(good)["result"]) == ("succeeded", {"answer": "good"})
    assert content(await result("bad"))["error"]["code"] == "invalid_message"
    assert (await result("good", headers={"If-None-Match": good.headers["ETag"]})).status == 304


async def test_retry(world: ApiWorld) -> None:
    async def retry(job_id: str, body: Any = b"", **more: Any) -> Response:
        return await world.call(endpoints.JOBS_RETRY, world.jobs.retry, id=job_id, body=body, **more)

    await world.fail("bad")
    world.durable.woken.clear()
    again = await retry("bad")
    assert (again.status, content(again)["code"], content(again)["field"]) == (400, "invalid_message", "text")
    assert (await retry("bad", {"text": ""})).status == 400
    mended = await retry("bad", BODY)
    assert (mended.status, content(mended)["status"], content(mended)["replay"]) == (202, "pending", 1)
    assert mended.headers["Location"] == "/api/jobs/bad?kind=quick"
    assert world.durable.woken == ["quick"]
    assert world.store.rows["quick", "bad"].body.inline == json.dumps(BODY)
    await world.succeed("good")
    refused = await retry("good")
    assert (refused.status, content(refused)["code"], content(refused)["job_id"]) == (409, "conflict", "good")


async def cancel(world: ApiWorld, job_id: str, **more: Any) -> Response:
    return await world.call(endpoints.JOBS_CANCEL, world.jobs.cancel, id=job_id, **more)


async def test_cancelling_what_waits(world: ApiWorld) -> None:
    await world.add("a1")
    assert world.pending.calls
    response = await cancel(world, "a1")
    assert (response.status, content(response)["status"]) == (200, "cancelled")
    assert world.pending.calls == {}
    (message,) = world.sender.queues["quick-out"]
    assert json.loads(message.body)["status"] == "cancelled"
    assert json.loads(message.body)["error"]["code"] == "cancelled"
    assert world.store.rows["quick", "a1"].published_at is not None
    assert (await cancel(world, "a1")).status == 200, "it is"
    assert len(world.sender.queues["quick-out"]) == 1


async def test_what_is_being_run_or_has_ended_is_not_cancelled(world: ApiWorld) -> None:
    record = await world.add("runs")
    await world.store.update(record.changed(world.now, state=JobState.RUNNING))
    await world.succeed("good")
    for job_id, code in (("runs", "job_running"), ("good", "job_ended")):
        response = await cancel(world, job_id)
        assert (response.status, content(response)["code"]) == (409, code)


async def test_a_job_of_several_calls_is_cancelled_while_it_runs(world: ApiWorld) -> None:
    record = await world.add("a1", "deep")
    await world.store.update(record.changed(world.now, state=JobState.RUNNING))
    assert content(await cancel(world, "a1"))["status"] == "cancelled"
    assert world.durable.ended == ["a1"]


async def test_a_run_that_ends_first_wins(world: ApiWorld) -> None:
    record = await world.add("a1", "deep")
    stale = await world.store.update(record.changed(world.now, state=JobState.RUNNING))
    await world.publisher.end(await world.publisher.succeeded(stale, {}, "m"))
    response = await cancel(world, "a1")
    assert (response.status, content(response)["code"]) == (409, "job_ended")


async def test_a_cancellation_that_was_cut_off_is_finished(world: ApiWorld) -> None:
    await world.add("a1")
    world.sender.failing = True
    assert (await cancel(world, "a1")).status == 503
    world.sender.failing = False
    assert (await cancel(world, "a1")).status == 200
    assert len(world.sender.queues["quick-out"]) == 1


async def test_pages(world: ApiWorld) -> None:
    for n in range(7):
        await (world.succeed if n % 2 else world.add)(f"q{n}", app_id=["shop", "forum"][n % 2])
    await world.add("d0", "deep")
    assert await page(world) == ["d0", "q6", "q5", "q4", "q3", "q2", "q1", "q0"]
    assert await page(world, kind="quick", status="succeeded") == ["q5", "q3", "q1"]
    assert await page(world, app="shop", kind="quick") == ["q6", "q4", "q2", "q0"]
    since = world.store.rows["quick", "q5"].created_at.isoformat()
    assert await page(world, since=since) == ["d0", "q6", "q5"]
    response = await world.call(
        endpoints.JOBS_LIST, world.jobs.page, query={"limit": "3", "kind": "quick", "code": "key"}
    )
    first = content(response)
    assert [job["id"] for job in first["jobs"]] == ["q6", "q5", "q4"]
    assert response.headers["Link"].startswith("</api/jobs?kind=quick&limit=3&cursor=")
    assert "key" not in response.headers["Link"]
    assert await page(world, limit="3", kind="quick", cursor=first["next"]) == ["q3", "q2", "q1"]
    last = content(await world.call(endpoints.JOBS_LIST, world.jobs.page, query={"kind": "deep", "limit": "1"}))
    assert last["next"] is None


@pytest.mark.parametrize(
    "query",
    [
        {"kind": "slow"},
        {"status": "waiting"},
        {"limit": "0"},
        {"limit": "101"},
        {"limit": "ten"},
        {"since": "yesterday"},
        {"cursor": "x"},
        {"cursor": "////"},
        {"cursor": "MTIz"},
        {"state": "failed"},
        {"app": "a\x00"},
    ],
)
async def test_bad_filters_are_named(world: ApiWorld, query: dict[str, str]) -> None:
    response = await world.call(endpoints.JOBS_LIST, world.jobs.page, query=query)
    assert (response.status, content(response)["code"]) == (400, "invalid_parameter")
    assert content(response)["field"] == next(iter(query))


async def test_entries_that_are_behind_are_left_out_and_put_right(world: ApiWorld) -> None:
    for n in range(3):
        await world.add(f"q{n}")
    world.list.wrong["quick", "q1"] = JobState.SUCCEEDED
    assert await page(world, status="succeeded") == []
    assert world.list.settled == [], "somebody may be about to put it right"
    world.now += timedelta(minutes=5)
    assert await page(world, status="succeeded") == []
    assert world.list.settled == [("q1", JobState.PENDING)]
    assert await page(world, status="pending") == ["q2", "q1", "q0"]


async def test_a_page_looks_at_a_bounded_number_of_entries(world: ApiWorld) -> None:
    for n in range(600):
        await world.add(f"q{n}")
        world.list.wrong["quick", f"q{n}"] = JobState.RUNNING
    response = await world.call(endpoints.JOBS_LIST, world.jobs.page, query={"status": "running"})
    assert content(response)["jobs"] == []
    assert content(response)["next"] is not None
    rest = await world.call(
        endpoints.JOBS_LIST, world.jobs.page, query={"status": "running", "cursor": content(response)["next"]}
    )
    assert content(rest) == {"jobs": [], "next": None, "limit": 50}


async def test_failures(world: ApiWorld) -> None:
    for n in range(5):
        await world.fail(f"q{n}", app_id=["shop", "forum"][n % 2])
    await world.fail("d0", "deep")

    async def failures(**query: str) -> Any:
        response = await world.call(endpoints.ERRORS_LIST, world.errors.page, query=query)
        assert response.status == 200
        return content(response)

    assert [e["id"] for e in (await failures(kind="quick"))["errors"]] == ["q4", "q3", "q2", "q1", "q0"]
    (deep,) = (await failures(kind="deep"))["errors"]
    assert (deep["code"], deep["links"]["retry"]) == ("invalid_message", "/api/jobs/d0/retry?kind=deep")
    assert [e["id"] for e in (await failures(kind="quick", app="forum"))["errors"]] == ["q3", "q1"]
    assert (await failures(error="content_filtered"))["errors"] == []


async def test_replaying_failures(world: ApiWorld) -> None:
    async def replay(body: Any) -> Response:
        return await world.call(endpoints.ERRORS_REPLAY, world.errors.replay, body=body)

    record = await world.add("q1")
    from shared.errors import ModelTimeoutError

    await world.publisher.end(await world.publisher.failed(record, ModelTimeoutError("late")))
    await world.fail("q2")
    await world.succeed("q3")
    response = await replay({"kind": "quick", "ids": ["q1", "q2", "q3", "q4"]})
    assert response.status == 202
    found = content(response)
    assert found["replayed"] == ["q1"]
    assert [(one["id"], one["code"]) for one in found["refused"]] == [
        ("q2", "invalid_message"),
        ("q3", "conflict"),
        ("q4", "not_found"),
    ]
    for bad in (
        {},
        {"kind": "quick"},
        {"kind": "quick", "ids": []},
        {"kind": "quick", "ids": ["a"] * 101},
        {"kind": "quick", "ids": ["a"], "all": True},
        {"kind": "quick", "ids": ["a"], "error": "x"},
        {"kind": "quick", "all": False},
        [],
    ):
        assert (await replay(bad)).status == 400, bad
    assert (await replay({"kind": "slow", "all": True})).status == 404
    everything = content(await replay({"kind": "quick", "all": True, "error": "invalid_message"}))
    assert (everything["replayed"], [one["id"] for one in everything["refused"]]) == ([], ["q2"])


def test_the_helpers_of_the_source_documents() -> None:
    from shared.http_api.responses import APIResponse, ErrorResponse

    assert content(APIResponse.success(data={"id": 1}, message="User retrieved successfully")) == {
        "id": 1,
        "message": "User retrieved successfully",
    }
    assert content(APIResponse.success(data=[1], message="m")) == {"data": [1], "message": "m"}
    problem = ErrorResponse.not_found("User", "u1")
    assert (problem.status, content(problem)["detail"]) == (404, "There is no User u1.")
    page = content(APIResponse.paginated([1, 2], page=1, limit=10, total=100))
    assert page == {"items": [1, 2], "next": None, "page": 1, "limit": 10, "total": 100}
    assert ErrorResponse.unauthorized().status == 401
    assert ErrorResponse.forbidden().status == 403
    assert ErrorResponse.conflict("It runs.").status == 409
    assert content(ErrorResponse.validation_error("Invalid email format", "email"))["field"] == "email"
