"""What App Service authentication says of a caller.

Source: Microsoft, "Work with user identities in Azure App Service authentication". Outside requests can't set this
header only where that authentication is on, which the platform says with WEBSITE_AUTH_ENABLED.
"""

import base64
import json
from typing import Any

from shared.security.errors import InvalidTokenError

HEADER = "x-ms-client-principal"
# The module renames some claims as .NET does.
_NAMES = {
    "http://schemas.microsoft.com/identity/claims/objectidentifier": "oid",
    "http://schemas.microsoft.com/identity/claims/scope": "scp",
    "http://schemas.microsoft.com/ws/2008/06/identity/claims/role": "roles",
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier": "sub",
}


def principal_claims(header: str) -> dict[str, Any]:
    """The claims in the header; one that comes several times is a list.

    Raises:
        InvalidTokenError: it isn't what the platform sets.
    """
    try:
        principal = json.loads(base64.b64decode(header, validate=True))
        role_type = principal.get("role_typ")
        pairs = [(claim["typ"], claim["val"]) for claim in principal["claims"]]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InvalidTokenError(type(error).__name__) from None
    found: dict[str, Any] = {}
    for kind, value in pairs:
        name = "roles" if kind == role_type else _NAMES.get(kind, kind)
        found[name] = [*found[name], value] if isinstance(found.get(name), list) else _both(found.get(name), value)
    return found


def _both(first: Any, second: Any) -> Any:
    return second if first is None else [first, second]
