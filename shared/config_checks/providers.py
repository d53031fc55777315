"""The model deployments: where they are, how the app signs in, and whether their settings go together."""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from shared.config_catalogue import catalogue
from shared.config_checks.findings import Area, Finding, Severity
from shared.config_checks.given import Given

ENDPOINT = "AZURE_OPENAI_ENDPOINT"
KEY = "AZURE_OPENAI_API_KEY"
VERSION = "AZURE_OPENAI_API_VERSION"
DEPLOYMENT_SETTINGS = {
    "chat": "AZURE_OPENAI_DEPLOYMENT_NAME",
    "reasoner": "AZURE_OPENAI_REASONING_DEPLOYMENT_NAME",
    "transcription": "AZURE_OPENAI_TRANSCRIPTION_DEPLOYMENT_NAME",
}
_ENDPOINTS = (ENDPOINT, "AZURE_OPENAI_REASONING_ENDPOINT", "AZURE_OPENAI_TRANSCRIPTION_ENDPOINT")
_API_VERSION = re.compile(r"v1|20\d\d-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])(-preview)?")
# Microsoft, "Cognitive Services naming": names of deployments.
_DEPLOYMENT = re.compile(r"[A-Za-z0-9](?:[\w.-]{0,62}[A-Za-z0-9])?", re.ASCII)
_MODEL = re.compile(r"(?i)gpt-|gpt\d|o[134](-|$)|whisper|text-embedding")


def provider_findings(given: Given) -> Iterator[Finding]:
    """What is wrong with how models are called."""
    yield from _addresses(given)
    yield from _sign_in(given)
    yield from _version(given)
    yield from _deployments(given)
    yield from _without_effect(given, "REASONING", DEPLOYMENT_SETTINGS["reasoner"])
    yield from _without_effect(given, "TRANSCRIPTION", DEPLOYMENT_SETTINGS["transcription"])


def _addresses(given: Given) -> Iterator[Finding]:
    for name in _ENDPOINTS:
        parts = _parts(given.env.get(name))
        if parts is not None and (parts[1].strip("/") or parts[2]):
            yield _critical(
                name,
                "it goes on after the host name; the app adds the path by itself.",
                f"Set it to {parts[0]}.",
            )


def _parts(address: str | None) -> tuple[str, str, str] | None:
    """Origin, path and query; None where it is no address, which is told elsewhere."""
    try:
        parts = urlsplit(address or "")
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or "sig=" in parts.query:
            return None
    except ValueError:
        return None
    return f"{parts.scheme}://{parts.netloc}", parts.path, parts.query


def _sign_in(given: Given) -> Iterator[Finding]:
    key = given.env.get(KEY)
    if key is None:
        return
    if not (key.isascii() and key.isprintable()):
        yield _critical(KEY, "it holds characters that no key has, such as a line break.", "Copy the key again.")
    identities = [name for name in given.env if name == "AZURE_CLIENT_ID" or name.endswith("__clientId")]
    where = given.env.get("WEBSITE_SITE_NAME") or given.env.get("WEBSITE_INSTANCE_ID")
    if identities or where:
        why = f"{identities[0]} names a managed identity" if identities else "an app in Azure has a managed identity"
        yield Finding(
            Severity.WARNING,
            Area.AI_PROVIDERS,
            (KEY,),
            f"a key is in the settings, although {why}: everybody who reads the settings can use it.",
            f"Remove {KEY}, and give the identity the role Cognitive Services OpenAI User.",
        )


def _version(given: Given) -> Iterator[Finding]:
    version = given.env.get(VERSION)
    if version is not None and not _API_VERSION.fullmatch(version):
        yield _critical(
            VERSION,
            "it must be v1 or a date, such as 2024-10-21.",
            "Set it to v1, or remove it to use 2024-10-21.",
        )


def _deployments(given: Given) -> Iterator[Finding]:
    for name in DEPLOYMENT_SETTINGS.values():
        value = given.value(name)
        if value is not None and not _DEPLOYMENT.fullmatch(value):
            yield _critical(
                given.name_of(name),
                "it must be the name of a deployment: letters, digits, dots, hyphens and underscores.",
                "Copy it from the resource's list of deployments.",
            )
    if given.value(DEPLOYMENT_SETTINGS["transcription"]) is None:
        yield Finding(
            Severity.RECOMMENDATION,
            Area.AI_PROVIDERS,
            (DEPLOYMENT_SETTINGS["transcription"],),
            "it isn't set, so that audio jobs fail.",
            "Set it to a deployment of whisper where you want audio jobs.",
        )
    yield from _one_name(given)
    yield from _unknown_model(given)


def _one_name(given: Given) -> Iterator[Finding]:
    """Two deployments of one name have one token counter."""
    if given.settings is None:
        return
    found = {role: getattr(given.settings, role) for role in DEPLOYMENT_SETTINGS}
    chat = found.pop("chat")
    others = [(chat, "chat")]
    for role, deployment in found.items():
        for other, other_role in others:
            name = deployment.openai.deployment
            if name is not None and name == other.openai.deployment and deployment != other:
                names = [given.name_of(DEPLOYMENT_SETTINGS[each]) for each in (role, other_role)]
                yield _critical(
                    names[0],
                    f"it is the same as {names[1]}, but its other settings differ, and a deployment has one quota.",
                    "Give the other deployment's name here.",
                    names[1],
                )
        others.append((deployment, role))


def _unknown_model(given: Given) -> Iterator[Finding]:
    deployment, base = given.value(DEPLOYMENT_SETTINGS["chat"]), given.value("AZURE_OPENAI_BASE_MODEL")
    if deployment is not None and base is None and not _MODEL.match(deployment):
        yield Finding(
            Severity.RECOMMENDATION,
            Area.AI_PROVIDERS,
            ("AZURE_OPENAI_BASE_MODEL",),
            f"the deployment's name ({given.name_of(DEPLOYMENT_SETTINGS['chat'])}) doesn't say which model it serves, "
            "so that tokens are counted as for gpt-4o.",
            "Set it to the model's name, such as gpt-4o-mini.",
        )


def _without_effect(given: Given, kind: str, deployment: str) -> Iterator[Finding]:
    if given.value(deployment) is not None:
        return
    prefixes = (f"AZURE_OPENAI_{kind}_", f"{kind}_TOKEN_LIMIT_", f"{kind}_REQUEST_LIMIT_")
    names = [setting.name for setting in catalogue() if setting.name.startswith(prefixes) and setting.name in given.env]
    if names:
        yield Finding(
            Severity.WARNING,
            Area.AI_PROVIDERS,
            (*names, deployment),
            f"without {deployment} there is no such deployment, and they have no effect.",
            f"Set {deployment}, or remove them.",
        )


def _critical(name: str, problem: str, mend: str, *more: str) -> Finding:
    return Finding(Severity.CRITICAL, Area.AI_PROVIDERS, (name, *more), problem, mend)
