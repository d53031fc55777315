"""Access keys. `func start` checks none; with --auth this host checks them as in the cloud."""

import hmac
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from aiohttp import web

MASTER = "_master"
DURABLE = "durabletask"
_HEADER = "x-functions-key"
_QUERY = "code"
_SYSTEM_SUFFIX = "_extension"


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of an app, by name.

    Attributes:
        enforced: False lets every request pass.
        host: open all functions of level "function"; `_master` opens everything.
        system: open the webhooks of an extension, such as `blobs_extension`.
        functions: by function name in lower case: open that function only.
    """

    enforced: bool = False
    host: Mapping[str, str] = field(default_factory=dict, repr=False)
    system: Mapping[str, str] = field(default_factory=dict, repr=False)
    functions: Mapping[str, Mapping[str, str]] = field(default_factory=dict, repr=False)

    def system_key(self, extension: str) -> str:
        """The key that an extension puts in the addresses of its webhooks. While keys aren't checked any will do."""
        return self.system.get(extension + _SYSTEM_SUFFIX, "")

    def allows_function(self, request: web.BaseRequest, level: str, name: str) -> bool:
        """Whether a request may call a function of this level."""
        if not self.enforced or level == "anonymous":
            return True
        if level == "admin":
            return self.allows_admin(request)
        return _is_one_of(_given(request), [*self.host.values(), *self.functions.get(name.lower(), {}).values()])

    def allows_admin(self, request: web.BaseRequest) -> bool:
        """Whether a request may use the admin endpoints."""
        return not self.enforced or _is_one_of(_given(request), [self.host[MASTER]])

    def allows_webhook(self, request: web.BaseRequest, extension: str) -> bool:
        """Whether a request may use the webhooks of an extension, such as "blobs"."""
        system = [value for name, value in self.system.items() if name == extension + _SYSTEM_SUFFIX]
        return not self.enforced or _is_one_of(_given(request), [self.host[MASTER], *system])


def parse_keys(arguments: Sequence[str], *, enforced: bool) -> Keys:
    """Read `NAME=VALUE` (a host key, `_master`, or `..._extension`) and `FUNCTION/NAME=VALUE`.

    Raises:
        ValueError: an argument has another form, or keys are enforced and `_master` is missing.
    """
    host: dict[str, str] = {}
    system: dict[str, str] = {}
    functions: dict[str, dict[str, str]] = {}
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if not (name and equals and value):
            raise ValueError("a key is written NAME=VALUE or FUNCTION/NAME=VALUE")
        function, slash, key = name.partition("/")
        if slash:
            functions.setdefault(function.lower(), {})[key] = value
        elif name.endswith(_SYSTEM_SUFFIX):
            system[name] = value
        else:
            host[name] = value
    if enforced and MASTER not in host:
        raise ValueError(f"checking keys needs at least the key {MASTER}")
    if enforced:
        # The real host makes this key by itself, too.
        system.setdefault(DURABLE + _SYSTEM_SUFFIX, secrets.token_urlsafe(32))
    return Keys(enforced, host, system, functions)


def _given(request: web.BaseRequest) -> str:
    # The header counts, even if it is empty and the query has a key.
    header = request.headers.get(_HEADER)
    return header if header is not None else request.rel_url.query.get(_QUERY, "")


def _is_one_of(given: str, keys: Sequence[str]) -> bool:
    return any(hmac.compare_digest(given.encode(), key.encode()) for key in keys)
