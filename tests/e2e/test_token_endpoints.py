"""The token counter's endpoints, as callers outside the app use them."""

import asyncio
from collections.abc import Iterator

import pytest

from local.stack_parts import DEPLOYMENT
from shared.quota.token_client import TokenClient
from tests.e2e.site import Site, site

TPM = 100_000


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site(tmp_path_factory.mktemp("tokens"), tpm=TPM) as running:
        yield running


async def test_a_counter_that_nobody_asked_yet_tells_its_limits(system: Site) -> None:
    status = await system.status()
    assert status["limits"]["tpm"] == TPM
    assert (status["used_tokens"], status["pending"], status["open_locks"]) == (0, {}, 0)


async def test_limits_of_a_counter_that_nobody_asked_yet_can_be_changed(system: Site) -> None:
    code, answer = await system.tokens("limits", {"tpm": 50_000}, method="PUT")
    assert (code, answer.get("limits", {}).get("tpm")) == (200, 50_000), answer
    code, answer = await system.tokens("lock", {"app_id": "a", "token_count": 60_000})
    assert code == 413, "and stay until the settings change"
    await system.tokens("limits", {"tpm": TPM}, method="PUT")


async def test_of_many_locks_for_the_last_tokens_exactly_the_fitting_ones_are_allowed(system: Site) -> None:
    tokens = 3_000
    free = TPM - (await system.status())["used_tokens"]
    answers = await asyncio.gather(
        *(system.tokens("lock", {"app_id": f"app{n % 7}", "token_count": tokens}) for n in range(100))
    )
    assert {code for code, _ in answers} == {200}, answers
    granted = [answer["request_id"] for _, answer in answers if answer["allowed"]]
    refused = [answer for _, answer in answers if not answer["allowed"]]
    assert len(granted) == len(set(granted)) == free // tokens
    assert all(answer["error"] and answer["next_free_s"] > 0 and answer["retry_after_s"] > 0 for answer in refused)
    status = await system.status()
    assert status["open_locks"] == len(granted)
    assert status["used_tokens"] + status["booked_ahead_tokens"] == TPM - free + len(granted) * tokens

    code, answer = await system.tokens("release", {"app_id": "a", "request_id": granted[0]})
    assert (code, answer) == (200, {"released": True})
    assert await system.tokens("release", {"app_id": "a", "request_id": granted[0]}) == (200, {"released": True}), (
        "the same release, answered again"
    )
    usage = {"app_id": "a", "prompt_tokens": 900, "completion_tokens": 100}
    assert await system.tokens("report", {**usage, "request_id": granted[1]}) == (200, {"known": True})
    assert await system.tokens("report", {**usage, "request_id": "nobody:nothing"}) == (200, {"known": False})
    status = await system.status()
    assert status["open_locks"] == len(granted) - 2
    assert status["usage"]["prompt_tokens"] >= 900
    assert 0 < status["reset_s"] <= 75


async def test_a_lock_that_is_asked_for_twice_is_one_lock(system: Site) -> None:
    await system.tokens("limits", {"tpm": 10 * TPM}, method="PUT")
    body = {"app_id": "a", "token_count": 10, "id": "my own"}
    (_, first), (_, second) = await system.tokens("lock", body), await system.tokens("lock", body)
    assert first["allowed"]
    # The time of answering is another, the grant is the same.
    assert {**first, "now_s": 0} == {**second, "now_s": 0}


async def test_the_client_of_the_source_documents_works(system: Site) -> None:
    async with TokenClient("shop", system.env["SLUICE_URL"], deployment=DEPLOYMENT) as client:
        allowed, request_id, error = await client.lock_tokens(50)
        assert (allowed, error) == (True, None)
        assert request_id is not None
        await client.report_usage(request_id, 20, 10)
        allowed, request_id, _ = await client.lock_tokens(50)
        assert request_id is not None
        await client.release_tokens(request_id)
        assert (await client.get_status())["limits"]["tpm"] == 10 * TPM


BAD = {
    "not-json": ("lock", b"{", 400),
    "list": ("lock", b"[1]", 400),
    "no-count": ("lock", b"{}", 400),
    "text-count": ("lock", b'{"token_count": "many"}', 400),
    "negative": ("lock", b'{"token_count": -1}', 400),
    "nan": ("lock", b'{"token_count": NaN}', 400),
    "huge": ("lock", b'{"token_count": 1' + b"0" * 40 + b"}", 400),
    "oversized": ("lock", b'{"token_count": 2000000}', 413),
    "odd-id": ("lock", b'{"token_count": 1, "id": {"a": [1]}}', 400),
    "half-a-letter": ("lock", b'{"token_count": "\\ud800"}', 400),
    "deep": ("lock", b'{"token_count": ' + b"[" * 400 + b"]" * 400 + b"}", 400),
    "report-of-nothing": ("report", b"{}", 400),
    "report-of-a-number": ("report", b'{"request_id": 7}', 400),
    "release-of-nothing": ("release", b"{}", 400),
    "unknown-limit": ("limits", b'{"tpn": 5}', 400),
    "no-limit": ("limits", b'{"tpm": 0}', 400),
    "limit-in-words": ("limits", b'{"tpm": "all"}', 400),
}


@pytest.mark.parametrize(("operation", "body", "status"), BAD.values(), ids=BAD)
async def test_bad_requests_get_a_problem(system: Site, operation: str, body: bytes, status: int) -> None:
    code, problem = await system.tokens(operation, body, method="PUT" if operation == "limits" else "POST")
    assert code == status, problem
    assert all(problem[name] for name in ("type", "title", "detail", "code", "trace_id"))


async def test_counters_of_other_deployments(system: Site) -> None:
    other = {"deployment": "somebody-elses"}
    assert (await system.tokens("status", method="GET", **other))[0] == 404
    assert (await system.tokens("lock", {"token_count": 5}, **other))[0] == 409, "nobody told it its limits"
    code, _ = await system.tokens("status", method="GET", **other)
    assert code == 409
    assert (await system.tokens("limits", {"tpm": 1_000, "rpm": 600}, method="PUT", **other))[0] == 200
    assert (await system.tokens("lock", {"token_count": 5}, **other))[1]["allowed"]
    code, status = await system.tokens("status", method="GET", **other)
    assert (code, status["limits"]["tpm"], status["pending"]) == (200, 1_000, {})
