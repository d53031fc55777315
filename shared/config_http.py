"""The settings of the HTTP API: who may call it, how often, and where results may be sent."""

import base64
import re
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import urlsplit

from shared.config_reader import Reader
from shared.config_setting import Form, shown
from shared.errors import ConfigurationError

DEFAULT_AUTHORITY = "https://login.microsoftonline.com"
_AREA = "HTTP"
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
    given = reader.of(_AREA).text(
        "SLUICE_HTTP_AUTH",
        default=HttpAuth.FUNCTION.value,
        choices=list(HttpAuth),
        effect="who checks callers: `function` (the host, by its keys), `entra` (the app, by tokens), `both` (by "
        "tokens or keys of the app's own); anything else means `function`",
    )
    return HttpAuth(given.lower()) if given.lower() in set(HttpAuth) else HttpAuth.FUNCTION


def read_http_settings(reader: Reader) -> HttpSettings:
    """All of them.

    Raises:
        ConfigurationError: names the setting that is wrong.
    """
    reader = reader.of(_AREA)
    settings = HttpSettings(
        auth=http_auth(reader),
        entra=_entra(reader),
        keys=tuple(
            _key(text)
            for text in reader.names(
                "SLUICE_HTTP_KEYS",
                "",
                form=Form.SECRET,
                effect="keys of the app's own: `NAME:SHA256:ROLE+ROLE`, several with commas",
            )
        ),
        platform_auth=(
            reader.of("Platform").text("WEBSITE_AUTH_ENABLED", effect="whether App Service authentication is on") or ""
        ).lower()
        == "true",
        dev_secret=_secret(
            reader, "SLUICE_DEV_TOKEN_SECRET", "accepts tokens of `TokenManager`; for development and tests alone"
        ),
        app_claim=reader.text(
            "SLUICE_HTTP_APP_CLAIM",
            effect="the claim that names the apps whose jobs a caller may touch; unset restricts nobody",
        ),
        rate_per_minute=reader.whole(
            "SLUICE_HTTP_RATE_PER_MINUTE", 6_000, low=0, high=1_000_000, effect="of one caller; 0 for no limit"
        ),
        max_body_bytes=reader.whole(
            "SLUICE_HTTP_MAX_BODY_BYTES",
            4_000_000,
            low=1_000,
            high=100_000_000,
            effect="largest body of a request",
        ),
        origins=tuple(
            _origin(text)
            for text in reader.names(
                "SLUICE_HTTP_ORIGINS",
                "",
                effect="web pages that may call, such as `https://portal.example.com`; several with commas",
            )
        ),
        webhooks=_webhooks(reader),
        version=reader.text("SLUICE_VERSION", effect="of the deployment, such as a commit; shown by the API"),
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
    tenant = reader.text("SLUICE_ENTRA_TENANT_ID", effect="the directory whose tokens are accepted")
    audiences = reader.names("SLUICE_ENTRA_AUDIENCE", "", effect="for whom tokens are accepted; several with commas")
    authority = reader.text(
        "SLUICE_ENTRA_AUTHORITY",
        default=DEFAULT_AUTHORITY,
        form=Form.ADDRESS,
        effect="where tokens come from; another one in sovereign clouds",
    ).rstrip("/")
    if tenant is None and not audiences:
        return None
    for name, given in (("SLUICE_ENTRA_TENANT_ID", tenant), ("SLUICE_ENTRA_AUDIENCE", audiences)):
        if not given:
            raise ConfigurationError(
                f"The setting {name} is missing: tokens need both tenant and audience.", field=name
            )
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


def _secret(reader: Reader, name: str, effect: str) -> str | None:
    value = reader.text(name, form=Form.SECRET, effect=effect)
    if value is not None and len(value) < _SECRET_MIN_CHARS:
        raise ConfigurationError(f"The setting {name} must have at least {_SECRET_MIN_CHARS} characters.", field=name)
    return value


def _origin(text: str) -> str:
    scheme, host, path = _split(text)
    if text != "*" and (not host or path or scheme not in ("http", "https")):
        raise ConfigurationError(
            "The setting SLUICE_HTTP_ORIGINS must list origins such as https://portal.example.com; "
            f"{shown(text)} is none.",
            field="SLUICE_HTTP_ORIGINS",
        )
    return text


def _split(url: str) -> tuple[str, str | None, str]:
    """Scheme, host and path; without a host where it is no address."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "", None, ""
    return parts.scheme, parts.hostname, parts.path


def _webhooks(reader: Reader) -> WebhookSettings:
    given = reader.names(
        "SLUICE_WEBHOOK_HOSTS",
        "",
        effect="hosts to which results may be posted; `*.example.com` means all below it. Without any there are no "
        "webhooks",
    )
    hosts = tuple(name.lower() for name in given)
    secret = _secret(
        reader, "SLUICE_WEBHOOK_SECRET", "signs what is posted: 32 characters or more, or `whsec_` and base64"
    )
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
                f"The setting SLUICE_WEBHOOK_HOSTS must list host names, such as *.example.com; {shown(host)} is none.",
                field="SLUICE_WEBHOOK_HOSTS",
            )
    return WebhookSettings(hosts, secret)


def _check_url(name: str, url: str) -> None:
    scheme, host, _ = _split(url)
    if host and (scheme == "https" or (scheme == "http" and host in _LOOPBACK)):
        return
    raise ConfigurationError(f"The setting {name} must be an https:// address.", field=name)
