"""The application patterns of Microsoft's documentation, in the v2 programming model.

Function chaining and fan-out are in test_orchestrations.py, the counter entity in test_clients.py.
"""

import uuid

from tests.support.durable import Client


async def test_a_monitor_looks_until_the_job_is_done(client: Client) -> None:
    job = uuid.uuid4().hex
    key = await client.start("monitor", {"job": job, "done_after": 4, "interval_s": 0.05, "patience_s": 60})
    status = await client.result(key)
    assert status["output"] == f"Hello {job}"
    assert status["customStatus"] == {"looks": 4, "state": "done"}


async def test_a_monitor_gives_up(client: Client) -> None:
    arg = {"job": uuid.uuid4().hex, "done_after": 1000, "interval_s": 0.1, "patience_s": 0.3}
    assert await client.run("monitor", arg) == "gave up"


async def answer(client: Client, key: str, *codes: int) -> None:
    await client.until(key, ["Running"])
    for tried, code in enumerate(codes, start=1):
        await client.operate("raise", key, code, name="answer")
        await client.until_custom_status(key, tried if tried < len(codes) else None)


async def test_somebody_repeats_the_code_in_time(client: Client) -> None:
    key = await client.start("verification", {"to": "me", "s": 60})
    await answer(client, key, 1, sum(map(ord, "me")))
    assert (await client.result(key))["output"] == "verified"


async def test_somebody_guesses(client: Client) -> None:
    key = await client.start("verification", {"to": "me", "s": 60})
    await answer(client, key, 1, 2, 3)
    assert (await client.result(key))["output"] == "wrong"


async def test_nobody_answers(client: Client) -> None:
    assert await client.run("verification", {"to": "me", "s": 0.2}) == "too late"
