"""Who calls."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.config_http import Role
from shared.security.errors import ForbiddenError
from shared.security.permissions import PermissionChecker, permissions_of


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody whose credentials were good.

    Attributes:
        id: for logs and limits: `app:CLIENT_ID`, `user:OBJECT_ID`, `key:NAME`, or `local` where the host asks nobody.
        apps: whose jobs alone they may touch; None for no such restriction.
    """

    id: str
    roles: frozenset[str]
    apps: frozenset[str] | None = None

    def check(self, permission: str) -> None:
        """Refuse what isn't permitted.

        Raises:
            ForbiddenError
        """
        if not PermissionChecker.has_permission(permissions_of(self.roles), permission):
            raise ForbiddenError("Your roles don't permit this.")

    def sees(self, app_id: str | None) -> bool:
        """Whether jobs of this app may be looked at and changed."""
        return self.apps is None or (app_id or "") in self.apps


def caller_of(claims: Mapping[str, Any], app_claim: str | None) -> Caller:
    """From the claims of a token whose signature was good.

    Args:
        app_claim: the claim that names the apps. Administrators aren't restricted by it.
    """
    roles = frozenset(names_in(claims.get("roles", claims.get("role"))))
    client, user = claims.get("azp") or claims.get("appid"), claims.get("oid") or claims.get("sub")
    # Tokens of a signed-in user have scopes; those that an app got by itself have none.
    by_user = user and (claims.get("scp") or not client)
    who = f"user:{user}" if by_user else f"app:{client}" if client else f"user:{claims.get('user_id', 'unknown')}"
    restricted = app_claim is not None and not PermissionChecker.has_role(roles, Role.ADMIN)
    apps = frozenset(names_in(claims.get(app_claim or ""))) if restricted else None
    return Caller(_plain(who), roles, apps)


def names_in(value: object) -> list[str]:
    """The names that a claim holds: a list of them, or one text with spaces or commas between."""
    if isinstance(value, str):
        return [name for name in re.split(r"[\s,]+", value) if name]
    return [name for name in value if isinstance(name, str)] if isinstance(value, list) else []


def _plain(text: str) -> str:
    """Short, and fit for a log line and a table key."""
    return re.sub(r"[^\w.:@-]", "_", text)[:128]
