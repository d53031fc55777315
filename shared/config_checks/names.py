"""Names that nothing reads: misspelt, most likely."""

from collections.abc import Iterator
from difflib import get_close_matches
from functools import cache

from shared.config_catalogue import by_name, catalogue
from shared.config_checks.findings import Area, Finding, Severity
from shared.config_checks.given import Given

_OURS = (
    "SLUICE_",
    "AZURE_OPENAI_",
    "FEEDBACK_",
    "REASONING_",
    "TRANSCRIPTION_",
    "AZUREWEBJOBSSTORAGE",
    "SERVICEBUSCONNECTION",
)
"""A name that begins with one of these, in capitals, is meant for us."""

_NOT_OURS = (
    *("APPSETTING_", "WEBSITE_", "FUNCTIONS_", "AZUREFUNCTIONS", "AZUREWEBJOBS.", "CUSTOMCONNSTR_"),
    *("AZURE_TENANT_", "AZURE_SUBSCRIPTION_", "AZURE_AUTHORITY_"),
)
_OF_OTHERS = frozenset(
    {"OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "AZURE_CLIENT_SECRET"}
)
OF_AZD = frozenset(
    (
        "SLUICE_ALERT_EMAILS",
        "SLUICE_ALLOWED_ADDRESSES",
        "SLUICE_ALWAYS_READY_BLOB",
        "SLUICE_ALWAYS_READY_DURABLE",
        "SLUICE_BUDGET",
        "SLUICE_BUDGET_START",
        "SLUICE_CHAT_CAPACITY",
        "SLUICE_CHAT_MODEL",
        "SLUICE_DEPLOYMENT_NAMES",
        "SLUICE_DURABLE_BACKEND",
        "SLUICE_EVENT_TOPIC",
        "SLUICE_EXISTING_OPENAI",
        "SLUICE_EXISTING_WORKSPACE",
        "SLUICE_EXTRA_SETTINGS",
        "SLUICE_FAILED_JOBS",
        "SLUICE_IDENTITY",
        "SLUICE_IDENTITY_PRINCIPAL_ID",
        "SLUICE_INSTANCE_MEMORY_MB",
        "SLUICE_JOB_AGE_MINUTES",
        "SLUICE_LOG_RETENTION_DAYS",
        "SLUICE_MAXIMUM_INSTANCES",
        "SLUICE_NETWORK_MODE",
        "SLUICE_OPENAI_API_VERSION",
        "SLUICE_PROFILE",
        "SLUICE_REASONING_CAPACITY",
        "SLUICE_REASONING_MODEL",
        "SLUICE_REPLY_QUEUES",
        "SLUICE_RESOURCE_GROUP",
        "SLUICE_SCALE_BY_QUEUE_LENGTH",
        "SLUICE_SERVICE_BUS_SKU",
        "SLUICE_STORAGE_SKU",
        "SLUICE_SUBNETS",
        "SLUICE_THROTTLED_CALLS",
        "SLUICE_TRANSCRIPTION_CAPACITY",
        "SLUICE_TRANSCRIPTION_MODEL",
        "SLUICE_ZONE_REDUNDANT",
    )
)
"""Parameters and outputs of the deployment, which azd hands to its hooks (infra/main.parameters.json)."""

_NEAR = 0.87
_NEAR_OURS = 0.6


def misspelt(given: Given) -> dict[str, str | None]:
    """Names that nothing reads, with the name that is probably meant."""
    found: dict[str, str | None] = {}
    for name in given.env:
        if name in by_name() or name in OF_AZD or name in _OF_OTHERS:
            continue
        capitals = name.upper()
        if capitals.startswith(_OURS):
            found[name] = _nearest(capitals, _NEAR_OURS)
        elif not capitals.startswith(_NOT_OURS) and (near := _nearest(capitals, _NEAR)) is not None:
            found[name] = near
    return found


def name_findings(given: Given) -> Iterator[Finding]:
    """Misspelt names, and two names of one setting that say different things."""
    for name, near in misspelt(given).items():
        problem = "nothing reads a setting of this name."
        if near is None:
            yield Finding(
                Severity.WARNING,
                Area.ENVIRONMENT,
                (name,),
                problem,
                "Remove it, or see docs/configuration.md for the names there are.",
            )
        else:
            yield Finding(Severity.WARNING, Area.ENVIRONMENT, (name,), problem, f"Did you mean {near}? Rename it.")
    for setting in catalogue():
        names = [each for each in (setting.name, *setting.aliases) if each in given.env]
        # The platform names the site itself, beside which people give another name.
        ours = [each for each in names if not each.startswith(("WEBSITE_", "CONTAINER_"))]
        if len({given.env[each] for each in ours}) > 1:
            yield Finding(
                Severity.WARNING,
                Area.ENVIRONMENT,
                tuple(ours),
                f"these are names of one setting with different values; {ours[0]} counts.",
                f"Remove {' and '.join(ours[1:])}.",
            )


@cache
def _nearest(capitals: str, nearness: float) -> str | None:
    known = {name.upper(): name for name, setting in by_name().items() if setting.area != "Platform"}
    near = get_close_matches(capitals, known, n=1, cutoff=nearness)
    return known[near[0]] if near else None
