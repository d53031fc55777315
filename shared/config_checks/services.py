"""Queues, containers, schedules and files that the settings name."""

import re
from collections import defaultdict
from collections.abc import Iterator

from shared.config_catalogue import by_name, catalogue
from shared.config_checks.findings import Area, Finding, Severity
from shared.config_checks.given import Given
from shared.config_checks.schedules import runs_every_second, schedule_problem
from shared.config_setting import Form, shown

# Microsoft, "Azure Resource Manager naming rules": Microsoft.ServiceBus/namespaces/queues.
_QUEUE = re.compile(r"[A-Za-z0-9](?:[\w./-]{0,258}[A-Za-z0-9])?", re.ASCII)
# Microsoft, "Naming and referencing containers, blobs, and metadata".
_CONTAINER = re.compile(r"(?!.*--)[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")
_HOST = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]*", re.IGNORECASE)
_RESERVED = {
    "sluice-payloads": "the app's own data",
    "claim-checks": "bodies of messages",
    "audio-out": "transcripts",
}


def service_findings(given: Given) -> Iterator[Finding]:
    """What is wrong with names of things, without looking at the disk."""
    yield from _forms(given)
    yield from _same_queues(given)
    yield from _containers(given)
    yield from _callers(given)


def _forms(given: Given) -> Iterator[Finding]:
    rules = {
        Form.QUEUE: (_QUEUE, "the name of a queue: letters, digits, dots, hyphens, underscores and slashes"),
        Form.CONTAINER: (_CONTAINER, "a blob container: 3 to 63 lower-case letters, digits and single hyphens"),
        Form.HOST: (_HOST, "a host name alone, without https:// and path"),
    }
    for setting in catalogue():
        value = given.value(setting.name)
        if value is None:
            continue
        name = given.name_of(setting.name)
        if setting.form in rules:
            pattern, what = rules[setting.form]
            parts = [part.strip() for part in value.split(",")] if setting.several else [value]
            for part in filter(None, parts):
                if not pattern.fullmatch(part):
                    yield _critical(name, f"it must be {what}; {shown(part)} is none.", _corrected(setting.form, part))
        elif setting.form is Form.SCHEDULE:
            yield from _schedule(name, value)


def _schedule(name: str, value: str) -> Iterator[Finding]:
    if (problem := schedule_problem(value)) is not None:
        yield _critical(name, *problem)
    elif runs_every_second(value):
        yield Finding(
            Severity.WARNING,
            Area.SERVICES,
            (name,),
            "its first field is the second, so that it runs every second.",
            f"Set it to 0 {value.partition(' ')[2]}.",
        )


def _corrected(form: Form, part: str) -> str:
    if form is Form.HOST and (host := re.match(r"(?:\w+://)?([\w.-]+\.[A-Za-z]\w*)", part)):
        return f"Set it to {host[1]}."
    if form is Form.CONTAINER:
        better = re.sub(r"[^a-z0-9]+", "-", part.lower()).strip("-")
        if _CONTAINER.fullmatch(better):
            return f"Such as {better}."
    return "Correct it, or remove it to use the default."


def _same_queues(given: Given) -> Iterator[Finding]:
    if given.settings is None:
        return
    users: dict[str, list[str]] = defaultdict(list)
    for setting in catalogue():
        if setting.form is Form.QUEUE:
            users[(given.value(setting.name) or str(setting.default)).lower()].append(given.name_of(setting.name))
    for queue, names in users.items():
        if len(names) > 1:
            # First those that were set: they are what to change.
            given_first = sorted(names, key=lambda name: name not in given.env)
            default = by_name()[given_first[0]].default
            yield _critical(
                given_first[0],
                f"the queue {queue} is also that of {', '.join(given_first[1:])}, so that messages would reach the "
                "wrong function.",
                f"Give each a queue of its own, such as {default} here.",
                *given_first[1:],
            )


def _containers(given: Given) -> Iterator[Finding]:
    inbox, logs = given.value("AUDIO_IN_CONTAINER"), given.value("SLUICE_LOGS_CONTAINER")
    for name, value in (("AUDIO_IN_CONTAINER", inbox), ("SLUICE_LOGS_CONTAINER", logs)):
        if value in _RESERVED:
            yield _critical(
                given.name_of(name), f"the container {value} is for {_RESERVED[value]}.", "Give another container."
            )
    for name in ("AUDIO_CONTAINERS", "REASONING_CONTAINERS", "SLUICE_RUN_CONTAINERS"):
        for part in (given.value(name) or "").split(","):
            if part.strip() in ("sluice-payloads", "claim-checks", "sluice-runs", logs or "sluice-logs"):
                yield _critical(
                    name, f"jobs could read {part.strip()}, which holds other jobs' data or logs.", "Leave it out."
                )
    if (inbox or "audio-in") == (logs or "sluice-logs"):
        yield _critical(
            given.name_of("AUDIO_IN_CONTAINER"),
            "logs would be shipped into the container whose files become audio jobs.",
            "Give them different containers.",
            given.name_of("SLUICE_LOGS_CONTAINER"),
        )
    listed = given.value("AUDIO_CONTAINERS")
    if listed is not None and (inbox or "audio-in") not in [part.strip() for part in listed.split(",")]:
        yield Finding(
            Severity.WARNING,
            Area.SERVICES,
            ("AUDIO_CONTAINERS", given.name_of("AUDIO_IN_CONTAINER")),
            f"recordings that are put into {inbox or 'audio-in'} become jobs that may not read them.",
            f"Add {inbox or 'audio-in'} to AUDIO_CONTAINERS.",
        )


def _callers(given: Given) -> Iterator[Finding]:
    """Who may call the HTTP API."""
    in_azure = "WEBSITE_SITE_NAME" in given.env
    if "SLUICE_DEV_TOKEN_SECRET" in given.env:
        yield Finding(
            Severity.WARNING,
            Area.SERVICES,
            ("SLUICE_DEV_TOKEN_SECRET",),
            "whoever has it can be anybody"
            + (", and the app runs in Azure." if in_azure else ": it is for development."),
            "Remove it where others can call the app; use Entra ID tokens.",
        )
    if "*" in [origin.strip() for origin in given.env.get("SLUICE_HTTP_ORIGINS", "").split(",")]:
        yield Finding(
            Severity.WARNING,
            Area.SERVICES,
            ("SLUICE_HTTP_ORIGINS",),
            "pages of all sites may call.",
            "Name the origins of your pages, such as https://portal.example.com.",
        )


def _critical(name: str, problem: str, mend: str, *more: str) -> Finding:
    return Finding(Severity.CRITICAL, Area.SERVICES, (name, *more), problem, mend)
