"""Tokens of our own, and what they let pass."""

import time

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.security.errors import InvalidTokenError
from shared.security.tokens import ISSUER, TokenManager

CLAIMS = st.dictionaries(
    st.text(min_size=1).filter(lambda name: name not in ("iss", "iat", "exp", "nbf", "aud", "sub", "jti")),
    st.text() | st.integers() | st.lists(st.text()),
)


def test_as_in_the_source_documents() -> None:
    token_manager = TokenManager("your-secret-key")
    token = token_manager.create_access_token({"user_id": "123", "role": "admin"})
    payload = token_manager.verify_token(token)
    assert (payload["user_id"], payload["role"], payload["iss"]) == ("123", "admin", ISSUER)
    assert payload["exp"] - payload["iat"] == 3600


@given(CLAIMS)
def test_what_goes_in_comes_out(claims: dict[str, object]) -> None:
    manager = TokenManager("s" * 32)
    said = manager.verify_token(manager.create_access_token(claims))
    assert {name: said[name] for name in claims} == claims


def test_tokens_of_others_and_old_ones_are_refused() -> None:
    manager = TokenManager("s" * 32)
    now = int(time.time())
    good = {"iss": ISSUER, "iat": now, "exp": now + 60}
    for bad in (
        TokenManager("t" * 32).create_access_token({"role": "admin"}),
        manager.create_access_token({}, expires_in_s=-60),
        jwt.encode(good, None, algorithm="none"),
        jwt.encode(good, "s" * 32, algorithm="HS256"),  # the secret itself, not what is made of it
        manager.create_access_token({"iss": "somebody"}),
        "",
        "a.b.c",
    ):
        with pytest.raises(InvalidTokenError):
            manager.verify_token(bad)


@given(st.text() | st.binary().map(lambda raw: raw.decode("latin-1")))
def test_no_text_is_a_token_by_chance(text: str) -> None:
    with pytest.raises(InvalidTokenError):
        TokenManager("s" * 32).verify_token(text)


def test_a_secret_is_needed() -> None:
    with pytest.raises(ValueError):
        TokenManager("")
