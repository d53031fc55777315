"""The settings of the HTTP API: who may call it, how often, and where results may be sent."""

import base64
import re
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import urlsplit

from shared.config_reader import Reader
from shared.errors import ConfigurationError

DEFAULT_AUTHORITY = "https://login.microsoftonline.com"
_SECRET_MIN_CHARS = 32  # RFC 7518, section 3.2: a key for HS256 has at least 256 bits
_KEY = re.compile(r"(?P<name>[\w.-]{1,64}):(?P<digest>[0-9a-fA-F]{64}):(?P<roles>[\w.+]+)")
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Role(StrEnum):
    """What a caller may do, as in the `roles` claim of a token."""

    SUBMIT = "Sluice.Submit"
    READ = "Sluice.Read"
    ADMIN = "Sluice.Admin"


class HttpAuth(StrEnum):
    """Who checks callers."""

    FUNCTION = "function"  # the host, by its access keys
    ENTRA = "entra"  # the app, by Entra ID tokens
    BOTH = "both"  # the app, by Entra ID tokens or by keys of its own


@dataclass(frozen=True, slots=True)
class EntraSettings:
    """Whose tokens are accepted.

    Attributes:
        tenant: id of the directory.
        audiences: of the app: its client id and its application id URI.
        authority: where tokens come from; another one in sovereign clouds.
    """

    tenant: str
    audiences: tuple[str, ...]
    authority: str = DEFAULT_AUTHORITY


@dataclass(frozen=True, slots=True)
class ApiKeySettings:
    """A key of the app's own, of which only the digest is known."""

    name: str
    sha256: str = field(repr=False)
    roles: tuple[Role, ...]


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    """Where results may be posted to.

    Attributes:
        hosts: names of hosts; `*.example.com` means all below it. Without any there are no webhooks.
        secret: signs what is posted.
    """

    hosts: tuple[str, ...]
    secret: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """Everything about the HTTP API.

    Attributes:
        entra: None where tokens aren't checked by the app.
        platform_auth: whether App Service authentication stands before the app and sets its headers.
        dev_secret: signs tokens of TokenManager, for development and tests.
        app_claim: the claim that names the apps whose jobs a caller may touch; None restricts nobody.
        rate_per_minute: requests of one caller; 0 for no limit.
        max_body_bytes: of a request.
        origins: of web pages that may call.
        version: of the deployment, such as a commit.
    """

    auth: HttpAuth = HttpAuth.FUNCTION
    entra: EntraSettings | None = None
    keys: tuple[ApiKeySettings, ...] = ()
    platform_auth: bool = False
    dev_secret: str | None = field(default=None, repr=False)
    app_claim: str | None = None
    rate_per_minute: int = 6_000
    max_body_bytes: int = 4_000_000
    origins: tuple[str, ...] = ()
    webhooks: WebhookSettings = WebhookSettings(())
    version: str | None = None


def http_auth(reader: Reader) -> HttpAuth:
    """Who checks callers. What isn't understood means the host's keys: closed unless said otherwise."""
    given = (reader.text("SLUICE_HTTP_AUTH") or "").lower()
    return HttpAuth(given) if given in set(HttpAuth) else HttpAuth.FUNCTION


def read_http_settings(reader: Reader) -> HttpSettings:
    """All of them.

    Raises:
        ConfigurationError: names the setting that is wrong.
    """
    settings = HttpSettings(
        auth=http_auth(reader),
        entra=_entra(reader),
        keys=tuple(_key(text) for text in reader.names("SLUICE_HTTP_KEYS", "")),
        platform_auth=(reader.text("WEBSITE_AUTH_ENABLED") or "").lower() == "true",
        dev_secret=_secret(reader, "SLUICE_DEV_TOKEN_SECRET"),
        app_claim=reader.text("SLUICE_HTTP_APP_CLAIM"),
        rate_per_minute=int(reader.number("SLUICE_HTTP_RATE_PER_MINUTE", 6_000, low=0, high=1e6)),
        max_body_bytes=int(reader.number("SLUICE_HTTP_MAX_BODY_BYTES", 4_000_000, low=1_000, high=100_000_000)),
        origins=tuple(_origin(text) for text in reader.names("SLUICE_HTTP_ORIGINS", "")),
        webhooks=_webhooks(reader),
        version=reader.text("SLUICE_VERSION"),
    )
    if settings.auth is not HttpAuth.FUNCTION and not _anybody(settings):
        raise ConfigurationError(
            f"SLUICE_HTTP_AUTH is {settings.auth}, but nobody could get in: set SLUICE_ENTRA_TENANT_ID and "
            "SLUICE_ENTRA_AUDIENCE, or switch on App Service authentication.",
            field="SLUICE_ENTRA_TENANT_ID",
        )
    return settings


def _anybody(settings: HttpSettings) -> bool:
    keys = settings.keys if settings.auth is HttpAuth.BOTH else ()
    return bool(settings.entra or settings.platform_auth or settings.dev_secret or keys)


def _entra(reader: Reader) -> EntraSettings | None:
    tenant, audiences = reader.text("SLUICE_ENTRA_TENANT_ID"), reader.names("SLUICE_ENTRA_AUDIENCE", "")
    if tenant is None and not audiences:
        return None
    for name, given in (("SLUICE_ENTRA_TENANT_ID", tenant), ("SLUICE_ENTRA_AUDIENCE", audiences)):
        if not given:
            raise ConfigurationError(
                f"The setting {name} is missing: tokens need both tenant and audience.", field=name
            )
    authority = (reader.text("SLUICE_ENTRA_AUTHORITY") or DEFAULT_AUTHORITY).rstrip("/")
    _check_url("SLUICE_ENTRA_AUTHORITY", authority)
    return EntraSettings(tenant or "", audiences, authority)


def _key(text: str) -> ApiKeySettings:
    """`NAME:SHA256:ROLE+ROLE`, such as `portal:9f86d0...:Sluice.Submit+Sluice.Read`."""
    match = _KEY.fullmatch(text)
    try:
        if match is None:
            raise ValueError
        return ApiKeySettings(match["name"], match["digest"].lower(), tuple(map(Role, match["roles"].split("+"))))
    except ValueError:
        raise ConfigurationError(
            "The setting SLUICE_HTTP_KEYS must list keys as NAME:SHA256:ROLE+ROLE, with the SHA-256 of the key in hex "
            f"and roles of {', '.join(Role)}.",
            field="SLUICE_HTTP_KEYS",
        ) from None


def _secret(reader: Reader, name: str) -> str | None:
    value = reader.text(name)
    if value is not None and len(value) < _SECRET_MIN_CHARS:
        raise ConfigurationError(f"The setting {name} must have at least {_SECRET_MIN_CHARS} characters.", field=name)
    return value


def _origin(text: str) -> str:
    parts = urlsplit(text)
    if text != "*" and (not parts.hostname or parts.path or parts.scheme not in ("http", "https")):
        raise ConfigurationError(
            f"The setting SLUICE_HTTP_ORIGINS must list origins such as https://portal.example.com; {text!r} is none.",
            field="SLUICE_HTTP_ORIGINS",
        )
    return text


def _webhooks(reader: Reader) -> WebhookSettings:
    hosts = tuple(name.lower() for name in reader.names("SLUICE_WEBHOOK_HOSTS", ""))
    secret = _secret(reader, "SLUICE_WEBHOOK_SECRET")
    if secret is not None and secret.startswith("whsec_"):
        try:
            base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        except ValueError:
            raise ConfigurationError(
                "The setting SLUICE_WEBHOOK_SECRET begins with whsec_, but goes on with what isn't base64.",
                field="SLUICE_WEBHOOK_SECRET",
            ) from None
    if hosts and secret is None:
        raise ConfigurationError(
            "The setting SLUICE_WEBHOOK_SECRET is missing: webhooks are never sent unsigned.",
            field="SLUICE_WEBHOOK_SECRET",
        )
    for host in hosts:
        if not re.fullmatch(r"(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)*(:\d{1,5})?", host):
            raise ConfigurationError(
                f"The setting SLUICE_WEBHOOK_HOSTS must list host names, such as *.example.com; {host!r} is none.",
                field="SLUICE_WEBHOOK_HOSTS",
            )
    return WebhookSettings(hosts, secret)


def _check_url(name: str, url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        return
    raise ConfigurationError(f"The setting {name} must be an https:// address.", field=name)
