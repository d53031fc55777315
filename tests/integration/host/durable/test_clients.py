"""What durable clients can do."""

import asyncio
import json
import uuid

from tests.support.durable import Client


def new_id() -> str:
    return uuid.uuid4().hex


async def test_an_id_is_taken_while_its_instance_runs_and_free_afterwards(client: Client) -> None:
    key = new_id()
    assert await client.start("approval", {"s": 60}, key) == key
    await client.until(key, ["Running"])
    status, answer = await client.call(f"runtime/webhooks/durabletask/orchestrators/chain/{key}")
    assert (status, answer) == (409, {"Message": "An Orchestration instance with the status Running already exists."})
    await client.operate("suspend", key)
    await client.until(key, ["Suspended"])
    _, answer = await client.call(f"runtime/webhooks/durabletask/orchestrators/chain/{key}")
    assert answer == {"Message": "An Orchestration instance with the status Suspended already exists."}
    await client.operate("terminate", key)
    await client.result(key)
    assert await client.start("chain", None, key) == key
    status = await client.result(key)
    assert (status["name"], status["output"]) == ("chain", ["Hello Tokyo", "Hello Seattle"])
    history = (await client.operate("status", key, history="1"))["events"]
    assert [e["EventType"] for e in history].count("ExecutionStarted") == 1


async def test_ids_and_names_that_cannot_be_used(client: Client) -> None:
    base = "runtime/webhooks/durabletask/orchestrators"
    for key, says in {
        "@no": "Orchestration instance ids must not start with @.",
        "a%5Cb": "Orchestration instance ids must not contain /, \\, #, ?, or control characters.",
        "a%7Fb": "Orchestration instance ids must not contain /, \\, #, ?, or control characters.",
        "x" * 101: "Instance ID lengths must not exceed 100 characters.",
    }.items():
        status, answer = await client.call(f"{base}/chain/{key}")
        assert isinstance(answer, dict), (key, status, answer)
        assert (status, answer["Message"]) == (400, "One or more of the arguments submitted is incorrect")
        assert says in answer["ExceptionMessage"]
    status, answer = await client.call(f"{base}/missing")
    assert status == 400
    assert answer["ExceptionMessage"].startswith(
        "The function 'missing' doesn't exist, is disabled, or is not an orchestrator function. Additional info: "
        "The following are the known orchestrator functions: '"
    )
    assert await client.start("CHAIN", None, "x" * 100)  # names have no case


async def test_status(client: Client) -> None:
    key = await client.start("one_activity", ["echo", {"a": [1, "ä"]}])
    await client.result(key)
    status = await client.operate("status", key, history="1")
    assert status["input"] == '["echo", {"a": [1, "\\u00e4"]}]'  # a string: the SDK encodes it twice
    assert status["output"] == {"a": [1, "ä"]}
    assert status["name"] == "one_activity"
    assert [e["EventType"] for e in status["events"]] == ["ExecutionStarted", "TaskCompleted", "ExecutionCompleted"]
    assert await client.status("missing") is None


async def test_values_keep_their_types(client: Client) -> None:
    for value in (0, 1.5, "", "text", "123", True, False, None, [], {}, {"nested": [None, {"a": 1}]}):
        assert await client.run("one_activity", ["echo", value]) == value


async def test_lists_by_filter(client: Client) -> None:
    prefix = new_id()[:12]
    running = await client.start("approval", {"s": 60}, f"{prefix}-running")
    ended = [await client.start("chain", None, f"{prefix}-ended-{n}") for n in range(3)]
    await client.until(running, ["Running"])
    for key in ended:
        await client.result(key)

    async def find(*statuses: str, since_s: float = 60, prefix: str | None = prefix) -> list[str]:
        return sorted(
            await client.operate("status_by", body={"statuses": list(statuses), "since_s": since_s, "prefix": prefix})
        )

    assert await find("Running") == [running]
    assert await find("Completed") == ended
    assert await find() == [*ended, running]
    assert await find("Failed", "Pending") == []
    assert await find("Completed", since_s=-30) == []
    everything = await client.operate("status_all")
    assert {running, *ended} <= {status["instanceId"] for status in everything}
    await client.operate("terminate", running)


async def test_external_events(client: Client) -> None:
    key = await client.start("waits", 3)
    for n in range(3):
        await client.operate("raise", key, {"n": n}, name="number")
        # One at a time: of two events of one name that arrive before they are waited for the SDK keeps the last.
        await client.until_custom_status(key, n + 1)
    output = (await client.result(key))["output"]
    assert [json.loads(value)["n"] for value in output] == [0, 1, 2]
    assert "is gone" in (await client.operate("raise", key, 1, name="number"))["error"]
    assert "No instance with ID missing found" in (await client.operate("raise", "missing", 1, name="number"))["error"]


async def test_termination(client: Client) -> None:
    key = await client.start("approval", {"s": 60})
    await client.operate("terminate", key)
    status = await client.result(key)
    assert (status["runtimeStatus"], status["output"]) == ("Terminated", "because")
    assert await client.operate("terminate", key) == "done"  # 410 is fine with the SDK
    assert "No instance with ID 'missing' found" in (await client.operate("terminate", "missing"))["error"]


async def test_what_arrives_while_an_instance_is_suspended_waits(client: Client) -> None:
    key = await client.start("approval", {"s": 60})
    await client.until(key, ["Running"])
    assert "unexpected status code 500" in (await client.operate("resume", key))["error"]
    await client.operate("suspend", key)
    await client.until(key, ["Suspended"])
    assert "unexpected status code 500" in (await client.operate("suspend", key))["error"]
    await client.operate("raise", key, "yes", name="approved")
    await asyncio.sleep(0.3)
    assert (await client.status(key))["runtimeStatus"] == "Suspended"
    await client.operate("resume", key)
    assert (await client.result(key))["output"] == {"approved": '"yes"'}


async def test_restart(client: Client) -> None:
    key = await client.start("fan_out", {"n": 4})
    await client.result(key)
    answer = await client.operate("restart", key)
    assert answer["id"] != key
    assert (await client.result(answer["id"]))["output"] == 14
    same = await client.operate("restart", key, same="1")
    assert same["id"] == key
    assert (await client.result(key))["output"] == 14
    # The SDK doesn't know the 400 that a missing instance gives.
    assert "unexpected status code 400" in (await client.operate("restart", "missing"))["error"]


async def test_rewind_is_refused_clearly(client: Client) -> None:
    failed, ended = await client.start("fails"), await client.start("chain")
    assert (await client.result(failed))["runtimeStatus"] == "Failed"
    await client.result(ended)
    assert "Rewind is not supported by the local host" in (await client.operate("rewind", failed))["error"]
    assert 'only orchestrations in the "Failed" state' in (await client.operate("rewind", ended))["error"]
    assert "No instance with ID missing found" in (await client.operate("rewind", "missing"))["error"]


async def test_waiting(client: Client) -> None:
    done = await client.start("chain")
    assert await client.operate("wait", done) == ["Hello Tokyo", "Hello Seattle"]
    failed = await client.start("fails")
    assert (await client.operate("wait", failed))["runtimeStatus"] == "Failed"


async def test_signals_and_state_of_entities(client: Client) -> None:
    key = new_id()
    assert await client.operate("entity", key) == [False, None]
    await asyncio.gather(*(client.operate("signal", key, {"n": n}, name="add") for n in range(1, 61)))
    for _ in range(500):
        if (await client.operate("entity", key)) == [True, 1830]:
            break
        await asyncio.sleep(0.01)
    assert await client.operate("entity", key) == [True, 1830]
    await client.operate("signal", key, None, name="delete")
    for _ in range(500):
        if (await client.operate("entity", key)) == [False, None]:
            break
        await asyncio.sleep(0.01)
    assert await client.operate("entity", key) == [False, None]


async def test_purging_one(client: Client) -> None:
    key = await client.start("chain")
    await client.result(key)
    assert await client.operate("purge", key) == 1
    assert await client.status(key) is None
    assert await client.operate("purge", key) == 0
    running = await client.start("approval", {"s": 60})
    await client.until(running, ["Running"])
    assert "unexpected status code 412" in (await client.operate("purge", running))["error"]
    assert (await client.status(running))["runtimeStatus"] == "Running"
    await client.operate("terminate", running)


async def test_purging_by_filter(client: Client) -> None:
    ended = [await client.start("chain") for _ in range(3)]
    for key in ended:
        await client.result(key)
    running = await client.start("approval", {"s": 60})
    await client.until(running, ["Running"])
    key = new_id()
    await client.operate("signal", key, {"n": 1}, name="add")
    assert await client.operate("purge_by", body={"statuses": ["Failed"], "since_s": -60}) == 0
    assert await client.operate("purge_by", body={"statuses": ["Completed"], "since_s": 600}) >= 3
    assert [await client.status(key) for key in ended] == [None] * 3
    assert (await client.status(running))["runtimeStatus"] == "Running"
    # Without a status of an ended instance in the filter the cloud purges everything, entities included.
    for _ in range(500):
        if (await client.operate("entity", key)) == [True, 1]:
            break
        await asyncio.sleep(0.01)
    assert await client.operate("purge_by", body={"statuses": [], "since_s": 600}) >= 2
    assert await client.status(running) is None
    assert await client.operate("entity", key) == [False, None]
