"""Headers of model endpoints, which may say anything."""

from collections.abc import Mapping
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.model.client import QuotaHeaders
from shared.model.response_headers import MAX_RETRY_AFTER_S, quota_headers, request_id, retry_after_s

NOW = 1_767_225_600.0


@pytest.mark.parametrize(
    ("headers", "expected_s"),
    [
        ({}, None),
        ({"retry-after-ms": "1500"}, 1.5),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": " 2.5 "}, 2.5),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
        ({"retry-after": "0"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after-ms": "-1", "retry-after": "3"}, 3.0),
        ({"retry-after-ms": "0", "retry-after": "3"}, 3.0),
        ({"retry-after-ms": "soon", "retry-after": "3"}, 3.0),
        ({"retry-after-ms": "soon"}, None),
        ({"retry-after": "86400"}, MAX_RETRY_AFTER_S),
        ({"retry-after-ms": "86400000"}, MAX_RETRY_AFTER_S),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": formatdate(NOW + 30, usegmt=True)}, 30.0),
        ({"retry-after": formatdate(NOW - 30, usegmt=True)}, None),
        ({"retry-after": "Mon, 32 Foo 2026 99:00:00 GMT"}, None),
    ],
)
def test_retry_after(headers: Mapping[str, str], expected_s: float | None) -> None:
    assert retry_after_s(headers, lambda: NOW) == expected_s


ANYTHING = st.text(max_size=40) | st.integers().map(str) | st.floats().map(str) | st.sampled_from(["1e400", "9" * 5000])


@given(st.none() | ANYTHING, st.none() | ANYTHING)
def test_retry_after_is_usable_or_nothing(after_ms: str | None, after_s: str | None) -> None:
    given_headers = {"retry-after-ms": after_ms, "retry-after": after_s}
    wait_s = retry_after_s({name: value for name, value in given_headers.items() if value is not None})
    assert wait_s is None or 0 < wait_s <= MAX_RETRY_AFTER_S


def test_quota() -> None:
    headers = {
        "x-ratelimit-limit-tokens": "240000",
        "x-ratelimit-remaining-tokens": "239000",
        "x-ratelimit-limit-requests": "1440",
        "x-ratelimit-remaining-requests": "-1",
    }
    assert quota_headers(headers) == QuotaHeaders(240_000, 239_000, 1440, None)
    assert quota_headers({}) == QuotaHeaders()


@given(ANYTHING)
def test_quota_is_a_count_or_nothing(value: str) -> None:
    remaining = quota_headers({"x-ratelimit-remaining-tokens": value}).remaining_tokens
    assert remaining is None or (remaining >= 0 and remaining == int(value))


def test_request_id() -> None:
    assert request_id({"x-request-id": "x", "apim-request-id": "a"}) == "a"
    assert request_id({"x-request-id": "x"}) == "x"
    assert request_id({}) is None
