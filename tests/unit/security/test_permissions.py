"""Who may do what."""

import pytest

from shared.config_http import Role
from shared.security.caller import Caller, caller_of, names_in
from shared.security.errors import ForbiddenError
from shared.security.permissions import PermissionChecker, permissions_of


def test_as_in_the_source_documents() -> None:
    assert PermissionChecker.has_permission(["users:read", "users:write"], "users:read")
    assert not PermissionChecker.has_permission(["users:write"], "users:read")
    assert PermissionChecker.has_role(["user", "admin"], "admin")
    assert not PermissionChecker.has_role([], "admin")


def test_wildcards() -> None:
    assert PermissionChecker.has_permission({"users:*"}, "users:read")
    assert PermissionChecker.has_permission({"*"}, "users:read")
    assert not PermissionChecker.has_permission({"users:*"}, "jobs:read")
    assert not PermissionChecker.has_permission({"users"}, "users:read")


@pytest.mark.parametrize(
    ("role", "may", "may_not"),
    [
        (Role.SUBMIT, "jobs:submit", "jobs:read"),
        (Role.READ, "jobs:read", "jobs:submit"),
        (Role.READ, "status:read", "limits:change"),
        (Role.SUBMIT, "jobs:cancel", "limits:change"),
    ],
)
def test_roles(role: Role, may: str, may_not: str) -> None:
    caller = Caller("app:a", frozenset({role}))
    caller.check(may)
    with pytest.raises(ForbiddenError):
        caller.check(may_not)


def test_an_administrator_may_do_everything_and_a_stranger_nothing() -> None:
    Caller("app:a", frozenset({Role.ADMIN})).check("anything:at-all")
    assert permissions_of(["Sluice.Owner", "admin", ""]) == frozenset()


def test_who_a_token_is_of() -> None:
    assert caller_of({"azp": "c"}, None).id == "app:c"
    assert caller_of({"appid": "c", "oid": "o"}, None).id == "app:c", "an app's own token has no scopes"
    assert caller_of({"azp": "c", "oid": "o", "scp": "access"}, None).id == "user:o"
    assert caller_of({"user_id": "123", "role": "Sluice.Read"}, None) == Caller("user:123", frozenset({"Sluice.Read"}))
    assert caller_of({"azp": "a b\n\x00=" + "x" * 300}, None).id == ("app:a_b___" + "x" * 300)[:128]


def test_restriction_to_apps() -> None:
    assert caller_of({"azp": "c"}, None).sees("any")
    restricted = caller_of({"azp": "c", "apps": ["shop", "forum"]}, "apps")
    assert (restricted.sees("shop"), restricted.sees("bank"), restricted.sees(None)) == (True, False, False)
    assert caller_of({"azp": "c"}, "azp").apps == {"c"}
    assert caller_of({"azp": "c"}, "apps").apps == frozenset(), "without the claim there is no app"
    assert caller_of({"azp": "c", "roles": ["Sluice.Admin"]}, "apps").apps is None


def test_names_in_claims() -> None:
    assert names_in("shop, forum  bank") == ["shop", "forum", "bank"]
    assert names_in(["a", 1, None, "b"]) == ["a", "b"]
    assert names_in(None) == names_in(7) == names_in({}) == []
