"""Roles and what each permits."""

from collections.abc import Iterable

from shared.config_http import Role

_OF_ROLE: dict[Role, frozenset[str]] = {
    Role.SUBMIT: frozenset({"jobs:submit", "jobs:retry", "jobs:cancel", "tokens:lock", "api:read"}),
    Role.READ: frozenset({"jobs:read", "status:read", "tokens:read", "api:read"}),
    Role.ADMIN: frozenset({"*"}),
}


class PermissionChecker:
    """Answers whether somebody may do something. Permissions are written `what:action`."""

    @staticmethod
    def has_permission(user_permissions: Iterable[str], required: str) -> bool:
        """Whether these permissions include the required one. `what:*` holds all of one thing, `*` everything."""
        what = required.partition(":")[0]
        return not {required, f"{what}:*", "*"}.isdisjoint(user_permissions)

    @staticmethod
    def has_role(user_roles: Iterable[str], role: str) -> bool:
        """Whether this role is among those."""
        return role in set(user_roles)


def permissions_of(roles: Iterable[str]) -> frozenset[str]:
    """All that these roles permit; roles of other apps permit nothing."""
    known = [_OF_ROLE[Role(role)] for role in roles if role in set(Role)]
    return frozenset().union(*known)
