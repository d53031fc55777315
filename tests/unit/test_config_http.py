"""The settings of the HTTP API: closed unless said otherwise, and errors that name the setting."""

import pytest

from shared.config import http_level, http_settings
from shared.config_http import ApiKeySettings, EntraSettings, HttpAuth, HttpSettings, Role, WebhookSettings
from shared.errors import ConfigurationError

DIGEST = "a" * 64
ENTRA = {"SLUICE_ENTRA_TENANT_ID": "t", "SLUICE_ENTRA_AUDIENCE": "api://a, client"}


@pytest.mark.parametrize(
    ("value", "level"),
    [("", "function"), ("function", "function"), ("Entra", "anonymous"), ("both", "anonymous"), ("none", "function")],
)
def test_endpoints_are_never_open_by_a_mistake(value: str, level: str) -> None:
    assert http_level({"SLUICE_HTTP_AUTH": value}) == level


def test_nothing_is_needed() -> None:
    assert http_settings({}) == HttpSettings()


def test_everything() -> None:
    found = http_settings(
        {
            **ENTRA,
            "SLUICE_HTTP_AUTH": "both",
            "SLUICE_ENTRA_AUTHORITY": "https://login.microsoftonline.us/",
            "SLUICE_HTTP_KEYS": f"portal:{DIGEST.upper()}:Sluice.Submit+Sluice.Read, ci:{DIGEST}:Sluice.Admin",
            "WEBSITE_AUTH_ENABLED": "True",
            "SLUICE_HTTP_APP_CLAIM": "apps",
            "SLUICE_HTTP_RATE_PER_MINUTE": "60",
            "SLUICE_HTTP_MAX_BODY_BYTES": "5000",
            "SLUICE_HTTP_ORIGINS": "https://portal.example.com, http://localhost:3000",
            "SLUICE_WEBHOOK_HOSTS": "*.Example.com, hooks.example.org:8443",
            "SLUICE_WEBHOOK_SECRET": "w" * 32,
            "SLUICE_DEV_TOKEN_SECRET": "d" * 32,
            "SLUICE_VERSION": "1a2b3c",
        }
    )
    assert found == HttpSettings(
        auth=HttpAuth.BOTH,
        entra=EntraSettings("t", ("api://a", "client"), "https://login.microsoftonline.us"),
        keys=(
            ApiKeySettings("portal", DIGEST, (Role.SUBMIT, Role.READ)),
            ApiKeySettings("ci", DIGEST, (Role.ADMIN,)),
        ),
        platform_auth=True,
        dev_secret="d" * 32,
        app_claim="apps",
        rate_per_minute=60,
        max_body_bytes=5000,
        origins=("https://portal.example.com", "http://localhost:3000"),
        webhooks=WebhookSettings(("*.example.com", "hooks.example.org:8443"), "w" * 32),
        version="1a2b3c",
    )
    for secret in ("d" * 32, "w" * 32, DIGEST):
        assert secret not in repr(found)


@pytest.mark.parametrize(
    ("env", "setting"),
    [
        ({"SLUICE_HTTP_AUTH": "entra"}, "SLUICE_ENTRA_TENANT_ID"),
        ({"SLUICE_HTTP_AUTH": "entra", "SLUICE_HTTP_KEYS": f"a:{DIGEST}:Sluice.Read"}, "SLUICE_ENTRA_TENANT_ID"),
        ({"SLUICE_ENTRA_TENANT_ID": "t"}, "SLUICE_ENTRA_AUDIENCE"),
        ({"SLUICE_ENTRA_AUDIENCE": "a"}, "SLUICE_ENTRA_TENANT_ID"),
        ({**ENTRA, "SLUICE_ENTRA_AUTHORITY": "http://login.example"}, "SLUICE_ENTRA_AUTHORITY"),
        ({"SLUICE_HTTP_KEYS": f"a:{DIGEST}"}, "SLUICE_HTTP_KEYS"),
        ({"SLUICE_HTTP_KEYS": f"a:{DIGEST}:Sluice.Everything"}, "SLUICE_HTTP_KEYS"),
        ({"SLUICE_HTTP_KEYS": "a:plain-key:Sluice.Read"}, "SLUICE_HTTP_KEYS"),
        ({"SLUICE_DEV_TOKEN_SECRET": "short"}, "SLUICE_DEV_TOKEN_SECRET"),
        ({"SLUICE_HTTP_ORIGINS": "portal.example.com"}, "SLUICE_HTTP_ORIGINS"),
        ({"SLUICE_HTTP_ORIGINS": "https://portal.example.com/path"}, "SLUICE_HTTP_ORIGINS"),
        ({"SLUICE_WEBHOOK_HOSTS": "a.example"}, "SLUICE_WEBHOOK_SECRET"),
        ({"SLUICE_WEBHOOK_HOSTS": "https://a.example", "SLUICE_WEBHOOK_SECRET": "w" * 32}, "SLUICE_WEBHOOK_HOSTS"),
        ({"SLUICE_WEBHOOK_HOSTS": "*", "SLUICE_WEBHOOK_SECRET": "w" * 32}, "SLUICE_WEBHOOK_HOSTS"),
        ({"SLUICE_HTTP_RATE_PER_MINUTE": "-1"}, "SLUICE_HTTP_RATE_PER_MINUTE"),
        ({"SLUICE_HTTP_MAX_BODY_BYTES": "1"}, "SLUICE_HTTP_MAX_BODY_BYTES"),
    ],
)
def test_wrong_settings_are_named(env: dict[str, str], setting: str) -> None:
    with pytest.raises(ConfigurationError, match=setting) as caught:
        http_settings(env)
    assert caught.value.field == setting
    assert "plain-key" not in str(caught.value)


@pytest.mark.parametrize("extra", [ENTRA, {"WEBSITE_AUTH_ENABLED": "true"}, {"SLUICE_DEV_TOKEN_SECRET": "d" * 32}])
def test_ways_in(extra: dict[str, str]) -> None:
    http_settings({"SLUICE_HTTP_AUTH": "entra", **extra})
