"""Which credentials open the door, by the settings."""

import hashlib
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.config_http import ApiKeySettings, EntraSettings, HttpAuth, HttpSettings, Role
from shared.security.authentication import Authenticator
from shared.security.entra import EntraTokens
from shared.security.errors import AuthenticationError, InvalidTokenError
from shared.security.jwks import SigningKeys
from shared.security.platform_auth import HEADER, principal_claims
from shared.security.tokens import TokenManager
from tests.support.entra import AUDIENCE, CLIENT, TENANT, Directory, principal

KEY = "k3y-of-the-portal"
SECRET = "s" * 32


def authenticator(issuer: Directory | None = None, **settings: Any) -> Authenticator:
    keys = (ApiKeySettings("portal", hashlib.sha256(KEY.encode()).hexdigest(), (Role.READ,)),)
    entra = None
    if issuer is not None:
        entra = EntraTokens(EntraSettings(TENANT, (AUDIENCE,), issuer.authority), SigningKeys(issuer.fetch))
    return Authenticator(HttpSettings(**{"keys": keys, **settings}), entra)


async def test_with_the_hosts_keys_whoever_comes_through_may_do_everything() -> None:
    checks = authenticator(auth=HttpAuth.FUNCTION)
    local = await checks.authenticate({}, {})
    by_header = await checks.authenticate({"x-functions-key": "abc"}, {"code": "other"})
    by_query = await checks.authenticate({}, {"code": "abc"})
    assert local.id == "local"
    assert by_header.id == by_query.id
    assert by_query.id.startswith("key:")
    assert "abc" not in by_query.id
    assert by_query.roles == {Role.ADMIN}


async def test_with_entra_only_tokens_count() -> None:
    issuer = Directory()
    checks = authenticator(issuer, auth=HttpAuth.ENTRA)
    caller = await checks.authenticate({"authorization": f"bearer {issuer.token([Role.READ])}"}, {})
    assert (caller.id, caller.roles, caller.apps) == (f"app:{CLIENT}", {Role.READ}, None)
    for headers, query in (
        ({}, {}),
        ({"x-functions-key": KEY}, {}),
        ({}, {"code": KEY}),
        ({HEADER: principal({"roles": ["Sluice.Admin"]})}, {}),
        ({"authorization": "Basic YTpi"}, {}),
        ({"authorization": ""}, {}),
        ({"authorization": "Bearer"}, {}),
        ({"authorization": f"Bearer {issuer.token()},Bearer {issuer.token()}"}, {}),
        ({"authorization": f"Bearer {TokenManager(SECRET).create_access_token({'role': 'Sluice.Admin'})}"}, {}),
    ):
        with pytest.raises(AuthenticationError):
            await checks.authenticate(headers, query)


async def test_with_both_a_key_of_our_own_will_do() -> None:
    issuer = Directory()
    checks = authenticator(issuer, auth=HttpAuth.BOTH)
    by_key = await checks.authenticate({"x-functions-key": KEY}, {})
    assert (by_key.id, by_key.roles) == ("key:portal", {Role.READ})
    assert (await checks.authenticate({}, {"code": KEY})).id == "key:portal"
    assert (await checks.authenticate({"authorization": f"Bearer {issuer.token()}"}, {})).id == f"app:{CLIENT}"
    for headers in ({"x-functions-key": KEY + "x"}, {"x-functions-key": ""}, {"x-functions-key": "\ud800"}, {}):
        with pytest.raises(AuthenticationError):
            await checks.authenticate(headers, {})
    with pytest.raises(InvalidTokenError):
        await checks.authenticate({"authorization": "Bearer bad", "x-functions-key": KEY}, {})


async def test_headers_of_the_platform_count_only_where_it_sets_them() -> None:
    header = {HEADER: principal({"roles": ["Sluice.Read", "Sluice.Submit"], "oid": "o", "scp": "access"})}
    caller = await authenticator(auth=HttpAuth.ENTRA, platform_auth=True).authenticate(header, {})
    assert (caller.id, caller.roles) == ("user:o", {Role.READ, Role.SUBMIT})
    with pytest.raises(AuthenticationError):
        await authenticator(auth=HttpAuth.ENTRA, dev_secret=SECRET).authenticate(header, {})
    with pytest.raises(InvalidTokenError):
        await authenticator(auth=HttpAuth.ENTRA, platform_auth=True).authenticate({HEADER: "e30="}, {})


async def test_tokens_for_development() -> None:
    issuer = Directory()
    checks = authenticator(issuer, auth=HttpAuth.ENTRA, dev_secret=SECRET, app_claim="apps")
    own = TokenManager(SECRET).create_access_token({"user_id": "7", "roles": ["Sluice.Read"], "apps": "shop"})
    caller = await checks.authenticate({"authorization": f"Bearer {own}"}, {})
    assert (caller.id, caller.roles, caller.apps) == ("user:7", {Role.READ}, {"shop"})
    assert (await checks.authenticate({"authorization": f"Bearer {issuer.token()}"}, {})).id == f"app:{CLIENT}"
    for token in issuer.bad_tokens(["Sluice.Admin"]).values():
        with pytest.raises(AuthenticationError):
            await checks.authenticate({"authorization": f"Bearer {token}"}, {})


def test_claims_that_the_platform_renames() -> None:
    claims = principal_claims(
        principal(
            {
                "http://schemas.microsoft.com/identity/claims/objectidentifier": "o",
                "roles": ["Sluice.Read"],
                "other": ["one", "two", "three"],
            },
            "http://schemas.microsoft.com/ws/2008/06/identity/claims/role",
        )
    )
    assert claims == {"oid": "o", "roles": "Sluice.Read", "other": ["one", "two", "three"]}


@given(st.text() | st.binary().map(lambda raw: raw.decode("latin-1")))
def test_any_header_is_claims_or_refused(header: str) -> None:
    with suppress(InvalidTokenError):
        assert isinstance(principal_claims(header), dict)
