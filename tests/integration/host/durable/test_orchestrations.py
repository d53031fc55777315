"""What orchestrations can do, with Microsoft's SDK on a real host."""

import asyncio
import time
import uuid

from tests.support.durable import Client


async def test_activities_one_after_the_other(client: Client) -> None:
    assert await client.run("chain") == ["Hello Tokyo", "Hello Seattle"]


async def test_activities_side_by_side(client: Client) -> None:
    assert await client.run("fan_out", {"n": 60}) == sum(n * n for n in range(60))


async def test_retries(client: Client) -> None:
    assert await client.run("retried", {"key": uuid.uuid4().hex, "failures": 2}) == {"attempts": 3}
    key = uuid.uuid4().hex
    failed = await client.result(await client.start("retried", {"key": key, "failures": 9}))
    assert failed["runtimeStatus"] == "Failed"
    assert f"Activity function 'flaky' failed:  RuntimeError: attempt 3 of {key}" in failed["output"]


async def test_retries_side_by_side_keep_their_task_ids(client: Client) -> None:
    results = await client.run("retried_side_by_side", {"key": uuid.uuid4().hex})
    assert results == [{"attempts": 1}, {"attempts": 2}, {"attempts": 3}, 49, 64]


async def test_a_failed_activity_is_raised_in_the_orchestrator(client: Client) -> None:
    text = await client.run("catches")
    reason, _, details = text.partition(" \n ")
    assert reason == "Activity function 'fail' failed:  ValueError: no luck"
    assert '"Message": " ValueError: no luck"' in details


async def test_a_failed_orchestrator(client: Client) -> None:
    status = await client.result(await client.start("fails"))
    assert status["runtimeStatus"] == "Failed"
    assert status["output"] == "Orchestrator function 'fails' failed: the orchestrator refuses"
    assert "OutOfProcData" not in client.host.text


async def test_unknown_functions_fail_the_orchestration(client: Client) -> None:
    for kind, article in (("activity", "an activity"), ("orchestrator", "an orchestrator"), ("entity", "an entity")):
        status = await client.result(await client.start("calls_unknown", kind))
        assert status["runtimeStatus"] == "Failed"
        assert status["output"].startswith(
            f"Orchestrator function 'calls_unknown' failed: The function 'missing' doesn't exist, is disabled, or is "
            f"not {article} function. Additional info: The following are the known {kind} functions: '"
        )


async def test_sub_orchestrations(client: Client) -> None:
    output = await client.run("parent", {"key": uuid.uuid4().hex})
    assert output["single"] == ["Hello Tokyo", "Hello Seattle"]
    assert output["both"] == [1, 5]
    assert output["caught"].startswith("Orchestrator function 'fails' failed: the orchestrator refuses \n Message: ")
    assert output["again"] == {"attempts": 2}


async def test_timers(client: Client) -> None:
    waited_s = await client.run("timer", {"s": 0.4})
    assert 0.4 <= waited_s < 2


async def test_an_event_before_the_deadline_and_none(client: Client) -> None:
    approved = await client.start("approval", {"s": 60})
    too_late = await client.start("approval", {"s": 0.3})
    await client.until(approved, ["Running"])
    await client.operate("raise", approved, {"by": "me"}, name="approved")
    assert (await client.result(approved))["output"] == {"approved": '{"by": "me"}'}
    assert (await client.result(too_late))["output"] == {"approved": None}


async def test_entities_in_orchestrations(client: Client) -> None:
    output = await client.run("uses_entity")
    assert output == {"value": 15, "caught": "the entity refuses", "after": 0}


async def test_continue_as_new_keeps_the_custom_status_and_no_history(client: Client) -> None:
    instance_id = await client.start("count_down", 3)
    assert (await client.result(instance_id))["output"] == "lift-off"
    status = await client.operate("status", instance_id, history="1")
    kinds = [event["EventType"] for event in status["events"]]
    assert kinds == ["ExecutionStarted", "TaskCompleted", "ExecutionCompleted"]
    assert status["customStatus"] == {"left": 0}
    assert status["input"] == "0"


async def test_events_that_were_not_waited_for_are_lost_when_it_continues_as_new(client: Client) -> None:
    instance_id = await client.start("forgets_events")
    await client.until(instance_id, ["Running"])
    await client.operate("raise", instance_id, 1, name="number")
    await client.operate("raise", instance_id, 1, name="go")
    assert (await client.result(instance_id))["output"] == "forgotten"


async def test_ids_and_times_are_the_same_at_every_replay(client: Client) -> None:
    output = await client.run("deterministic")
    assert output["different"]
    assert output["before"][2].endswith("+00:00")


async def test_an_orchestrator_that_is_not_deterministic_fails(client: Client) -> None:
    status = await client.result(await client.start("changes_its_mind"))
    assert status["runtimeStatus"] == "Failed"
    assert "Non-Deterministic workflow detected" in status["output"]


async def test_versions(client: Client) -> None:
    assert (await client.result(await client.start("versioned", version="2.1")))["output"] == "2.1"


async def test_a_round_trip_is_quick(client: Client) -> None:
    times = []
    for _ in range(5):
        started = time.monotonic()
        await client.run("uses_entity")
        times.append(time.monotonic() - started)
    assert sorted(times)[2] < 0.3


async def test_many_at_a_time(client: Client) -> None:
    outputs = await asyncio.gather(*(client.run("fan_out", {"n": n}) for n in range(1, 21)))
    assert outputs == [sum(n * n for n in range(count)) for count in range(1, 21)]
