"""Calls of orchestrations go through the same quota as all others."""

import asyncio
import json
import urllib.request
from pathlib import Path
from typing import Any

from tests.support.stack import stack

APP = Path(__file__).parent / "booking_app"


def _get(url: str, data: Any = None) -> Any:
    body = None if data is None else json.dumps(data).encode()
    headers = {"content-type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(url, body, headers)) as answer:  # noqa: S310 - loopback
        return json.load(answer)


async def test_orchestrated_calls_wait_for_their_bookings(tmp_path: Path) -> None:
    with stack(tmp_path / ".sluice", app=APP, model_args=["--engine", "instant"]) as running:
        url = running.settings["SLUICE_URL"]
        starts = [f"{url}/runtime/webhooks/durabletask/orchestrators/conversation/talk{n}" for n in range(3)]
        for start in starts:
            _get(start, {"calls": 2})
        for n in range(3):
            status = {"runtimeStatus": "Pending"}
            while status["runtimeStatus"] in ("Pending", "Running"):
                await asyncio.sleep(0.3)  # the other side is another process
                status = _get(f"{url}/runtime/webhooks/durabletask/instances/talk{n}")
            assert status["runtimeStatus"] == "Completed", json.dumps(status)
            answers: Any = status["output"]
            assert [answer["asked"] for answer in answers] == ["question 0", "question 1"]
        counter = _get(f"{url}/api/tokens/gpt-4o-mini/status")
        stats = _get(f"{running.settings['AZURE_OPENAI_ENDPOINT']}/control/stats")
    assert stats["calls"] == 6
    assert counter["used_tokens"] == 600
    assert counter["pending"] == {}
