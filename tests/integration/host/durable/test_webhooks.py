"""The management API, with and without keys."""

import asyncio
from pathlib import Path
from typing import Any

import aiohttp

from tests.support.azurite import Azurite
from tests.support.durable import Client, client_of, durable_host

BASE = "runtime/webhooks/durabletask"


async def request(client: Client, method: str, path: str, **options: Any) -> tuple[int, Any, Any]:
    async with client.session.request(method, f"{client.host.url}/{BASE}/{path}", **options) as response:
        content = await response.json(content_type=None) if await response.read() else None
        return response.status, content, response.headers


async def test_the_life_of_an_instance(client: Client) -> None:
    status, links, headers = await request(client, "POST", "orchestrators/approval/webhook-1", json={"s": 60})
    assert status == 202
    assert set(links) == {
        *("id", "statusQueryGetUri", "sendEventPostUri", "terminatePostUri", "purgeHistoryDeleteUri"),
        *("restartPostUri", "suspendPostUri", "resumePostUri"),
    }
    assert headers["Location"] == links["statusQueryGetUri"]
    assert headers["Retry-After"] == "10"
    assert links["statusQueryGetUri"].startswith(f"{client.host.url}/{BASE}/instances/webhook-1?taskHub=Tests&")
    await client.until("webhook-1", ["Running"])

    status, content, headers = await request(client, "GET", "instances/webhook-1?showHistory=true")
    assert (status, content["runtimeStatus"]) == (202, "Running")
    assert content["input"] == {"s": 60}  # encoded once: an object
    assert headers["Location"].startswith(f"{client.host.url}/{BASE}/instances/webhook-1")
    assert headers["Retry-After"] == "5"
    assert [event["EventType"] for event in content["historyEvents"]] == ["ExecutionStarted", "TimerCreated"]
    assert content["createdTime"].endswith("Z")

    assert (await request(client, "POST", "instances/webhook-1/raiseEvent/approved", json={"by": "me"}))[0] == 202
    await client.result("webhook-1")
    status, content, headers = await request(
        client, "GET", "instances/webhook-1?showHistory=true&showHistoryOutput=true&showInput=false"
    )
    assert (status, content["output"], content["input"]) == (200, {"approved": {"by": "me"}}, None)
    assert "Location" not in headers
    started, timer, raised, completed = content["historyEvents"]
    assert started["FunctionName"] == "approval"
    assert not {"Name", "Input", "EventId", "IsPlayed"} & set(started)
    assert timer["EventType"] == "TimerCreated"
    assert (raised["EventType"], raised["Name"]) == ("EventRaised", "approved")
    assert (completed["OrchestrationStatus"], completed["Result"]) == ("Completed", {"approved": {"by": "me"}})
    for operation in ("raiseEvent/approved", "terminate", "suspend", "resume"):
        assert (await request(client, "POST", f"instances/webhook-1/{operation}", json=1))[0] == 410
    assert (await request(client, "DELETE", "instances/webhook-1"))[:2] == (200, {"instancesDeleted": 1})
    assert (await request(client, "DELETE", "instances/webhook-1"))[0] == 404


async def test_history_joins_what_was_scheduled_with_its_end(client: Client) -> None:
    key = await client.start("catches")
    await client.result(key)
    _, content, _ = await request(client, "GET", f"instances/{key}?showHistory=true")
    _, failed, completed = content["historyEvents"]
    assert (failed["EventType"], failed["FunctionName"]) == ("TaskFailed", "fail")
    assert failed["ScheduledTime"] <= failed["Timestamp"]
    assert failed["Reason"] == "Activity function 'fail' failed:  ValueError: no luck"
    assert "TaskScheduledId" not in failed
    assert "Result" not in completed


async def test_start_and_wait(client: Client) -> None:
    status, content, _ = await request(client, "POST", "orchestrators/chain?timeout=10&pollingInterval=0.05")
    assert (status, content) == (200, ["Hello Tokyo", "Hello Seattle"])
    status, content, _ = await request(client, "POST", "orchestrators/fails?timeout=10&pollingInterval=0.05")
    assert (status, content["runtimeStatus"]) == (200, "Failed")
    path = "orchestrators/approval?timeout=0.2&pollingInterval=0.1"
    status, content, headers = await request(client, "POST", path, json={"s": 60})
    assert status == 202
    assert headers["Location"] == content["statusQueryGetUri"]
    status, content, _ = await request(client, "POST", "orchestrators/chain?timeout=1&pollingInterval=2")
    assert status == 400


async def test_a_failed_instance_may_be_asked_to_answer_500(client: Client) -> None:
    key = await client.start("fails")
    await client.result(key)
    assert (await request(client, "GET", f"instances/{key}"))[0] == 200
    assert (await request(client, "GET", f"instances/{key}?returnInternalServerErrorOnFailure=true"))[0] == 500


async def test_pages(client: Client) -> None:
    keys = sorted([await client.start("chain", None, f"page-{n}") for n in range(5)])
    for key in keys:
        await client.result(key)
    seen, token, sizes = [], "", []
    while True:
        status, content, headers = await request(
            client, "GET", "instances?instanceIdPrefix=page-&top=2", headers={"x-ms-continuation-token": token}
        )
        assert status == 200
        seen += [entry["instanceId"] for entry in content]
        sizes.append(len(content))
        token = headers["x-ms-continuation-token"]
        if not token:
            break
    assert (seen, sizes) == (keys, [2, 2, 1])
    bad = {"x-ms-continuation-token": "%%%"}
    assert (await request(client, "GET", "instances", headers=bad))[0] == 400


async def test_entities(client: Client) -> None:
    assert (await request(client, "GET", "entities/Counter/w"))[0] == 404
    assert (await request(client, "POST", "entities/Counter/w?op=add", json='{"n": 3}'))[0] == 202
    await eventually_state(client, "entities/counter/w", 3)
    assert (await request(client, "POST", "entities/Counter/$?op=add", json='{"n": 4}'))[0] == 202
    status, listed, _ = await request(client, "GET", "entities/counter?fetchState=true")
    assert status == 200
    mine = [entry for entry in listed if entry["entityId"]["key"] == "w"]
    assert [(entry["entityId"]["name"], entry["state"]) for entry in mine] == [("counter", 3)]
    _, listed, _ = await request(client, "GET", "entities")
    assert {entry["entityId"]["name"] for entry in listed} >= {"counter"}
    assert all(entry["state"] is None for entry in listed)
    # To the cloud an entity is an instance like others.
    status, content, _ = await request(client, "GET", "instances/@counter@w")
    assert (status, content["runtimeStatus"], content["input"]["state"]) == (202, "Running", "3")
    assert (await request(client, "DELETE", "entities/Counter/w"))[0] == 202  # signals "delete"
    for _ in range(500):
        if (await request(client, "GET", "entities/Counter/w"))[0] == 404:
            break
        await asyncio.sleep(0.01)
    assert (await request(client, "GET", "entities/Counter/w"))[0] == 404
    status, content, _ = await request(client, "POST", "entities/Missing/w?op=add")
    assert status == 400
    assert "is not an entity function" in content["ExceptionMessage"]
    assert (await request(client, "POST", "entities/Counter/a%5Cb?op=add"))[0] == 400


async def eventually_state(client: Client, path: str, state: Any) -> None:
    for _ in range(500):
        if (await request(client, "GET", path))[1] == state:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(await request(client, "GET", path))


async def test_requests_that_make_no_sense(client: Client) -> None:
    key = await client.start("approval", {"s": 60})
    await client.until(key, ["Running"])
    text = {"data": b"no json", "headers": {"Content-Type": "application/json"}}
    plain = {"data": b"1", "headers": {"Content-Type": "text/plain"}}
    for method, path, options, expected in (
        ("GET", "instances/missing", {}, 404),
        ("POST", "instances/missing/terminate", {}, 404),
        ("POST", "instances/missing/restart", {}, 400),
        ("POST", f"instances/{key}/dance", {}, 404),
        ("PUT", f"instances/{key}", {}, 404),
        ("GET", "orchestrators/chain", {}, 404),
        ("GET", "nonsense", {}, 404),
        ("POST", "orchestrators/chain", text, 400),
        ("POST", f"instances/{key}/raiseEvent/e", text, 400),
        ("POST", f"instances/{key}/raiseEvent/e", plain, 400),
        ("POST", "entities/Counter/k?op=add", text, 400),
        ("POST", f"instances/{key}/rewind", {}, 412),
        ("DELETE", "instances", {}, 400),
        ("DELETE", "instances?createdTimeFrom=2000-01-01T00:00:00Z&createdTimeTo=2000-01-02T00:00:00Z", {}, 404),
        ("GET", "instances?taskHub=other", {}, 400),
    ):
        assert (await request(client, method, path, **options))[0] == expected, path
    await client.operate("terminate", key)


async def test_keys(tmp_path: Path, storage: Azurite) -> None:
    args = ["--auth", "--key", "_master=all", "--key", "durabletask_extension=hook"]
    with durable_host(tmp_path, storage.connection_string, args=args) as host:
        async with client_of(host) as client:
            assert (await client.call(f"{BASE}/instances", method="GET"))[0] == 401
            assert (await client.call(f"{BASE}/instances?code=wrong", method="GET"))[0] == 401
            assert (await client.call(f"{BASE}/instances?code=all", method="GET"))[0] == 200
            _, links = await client.call(f"{BASE}/orchestrators/chain?code=hook")
            assert "code=hook" in links["statusQueryGetUri"]
            async with aiohttp.ClientSession() as session, session.get(links["statusQueryGetUri"]) as response:
                assert response.status in (200, 202)


async def test_a_key_is_made_when_there_is_none(tmp_path: Path, storage: Azurite) -> None:
    with durable_host(tmp_path, storage.connection_string, args=["--auth", "--key", "_master=all"]) as host:
        async with client_of(host) as client:
            _, links = await client.call(f"{BASE}/orchestrators/chain?code=all")
            assert "code=all" not in links["statusQueryGetUri"]
            async with aiohttp.ClientSession() as session, session.get(links["statusQueryGetUri"]) as response:
                assert response.status in (200, 202)
