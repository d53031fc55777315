"""Tokens of Entra ID: only those of the tenant, for this app, signed with a key that it publishes."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.config_http import EntraSettings
from shared.security.entra import EntraTokens, keys_url
from shared.security.errors import InvalidTokenError, KeysUnavailableError
from shared.security.jwks import KEEP_S, PAUSE_S, SigningKeys, fetch_from
from tests.support.entra import AUDIENCE, TENANT, Directory, directory

ROLES = ["Sluice.Read"]


class Clock:
    """Stands still unless told otherwise."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def tokens(issuer: Directory, clock: Clock | None = None) -> EntraTokens:
    settings = EntraSettings(TENANT, ("other", AUDIENCE), issuer.authority)
    return EntraTokens(settings, SigningKeys(issuer.fetch, clock or Clock()))


async def test_a_good_token_of_either_version() -> None:
    issuer = Directory()
    found = await tokens(issuer).verify(issuer.token(ROLES))
    assert (found["roles"], found["tid"]) == (ROLES, TENANT)
    v1 = issuer.token(ROLES, iss=f"https://sts.windows.net/{TENANT}/", azp=None, appid="c")
    assert (await tokens(issuer).verify(v1))["appid"] == "c"


async def test_bad_tokens() -> None:
    issuer = Directory()
    checks = tokens(issuer)
    for fault, token in issuer.bad_tokens(ROLES).items():
        try:
            await checks.verify(token)
        except InvalidTokenError:
            continue
        pytest.fail(fault)


@given(st.text() | st.from_regex(r"[A-Za-z0-9_-]{0,60}\.[A-Za-z0-9_-]{0,60}\.[A-Za-z0-9_-]{0,60}", fullmatch=True))
async def test_no_text_is_a_token_by_chance(text: str) -> None:
    with pytest.raises(InvalidTokenError):
        await tokens(Directory()).verify(text)


async def test_a_rotated_key_is_fetched_and_an_unknown_one_not_over_and_over() -> None:
    issuer, clock = Directory(), Clock()
    checks = tokens(issuer, clock)
    await checks.verify(issuer.token(ROLES))
    assert issuer.fetched == 1
    issuer.keys.append("second")
    with pytest.raises(InvalidTokenError):
        await checks.verify(issuer.token(ROLES))  # asked for less than a minute ago
    clock.now_s += PAUSE_S
    await checks.verify(issuer.token(ROLES))
    await checks.verify(issuer.token(ROLES, key="first"))
    for number in range(20):
        with pytest.raises(InvalidTokenError):
            await checks.verify(issuer.token(ROLES, key="foreign", kid=f"made up {number}"))
    assert issuer.fetched == 2


async def test_a_withdrawn_key_is_not_trusted_for_ever() -> None:
    issuer, clock = Directory(), Clock()
    checks = tokens(issuer, clock)
    old = issuer.token(ROLES)
    await checks.verify(old)
    issuer.keys[:] = ["second"]
    clock.now_s += KEEP_S
    with pytest.raises(InvalidTokenError):
        await checks.verify(old)


async def test_a_directory_that_is_away_locks_nobody_out_who_was_known() -> None:
    issuer, clock = Directory(), Clock()
    checks = tokens(issuer, clock)
    issuer.fails = True
    with pytest.raises(KeysUnavailableError):
        await checks.verify(issuer.token(ROLES))
    with pytest.raises(KeysUnavailableError):
        await checks.verify(issuer.token(ROLES))
    assert issuer.fetched == 1, "it is left alone for a minute"
    clock.now_s += PAUSE_S
    issuer.fails = False
    await checks.verify(issuer.token(ROLES))
    issuer.fails = True
    clock.now_s += KEEP_S
    await checks.verify(issuer.token(ROLES))


@pytest.mark.parametrize(
    "key_set", [{}, {"keys": None}, {"keys": [{}]}, {"keys": [{"kty": "RSA", "kid": "first"}]}, [], {"keys": [None]}]
)
async def test_a_key_set_that_is_none(key_set: object) -> None:
    async def fetch() -> object:
        return key_set

    keys = SigningKeys(fetch, Clock())  # type: ignore[arg-type]
    with suppress(KeysUnavailableError):
        assert await keys.get("first") is None


async def test_keys_come_over_http() -> None:
    with directory() as issuer:
        settings = EntraSettings(TENANT, (AUDIENCE,), issuer.authority)
        fetch = fetch_from(keys_url(settings))
        await EntraTokens(settings, SigningKeys(fetch)).verify(issuer.token(ROLES))
        issuer.fails = True
        with pytest.raises(OSError, match="500"):
            await fetch()
    with pytest.raises(OSError):
        await fetch()
