"""Which settings the app would see here, and where each comes from."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cli.session import CLOUD_NAMES, DATA_DIR
from local.host.app_settings import FILE_NAME, LocalSettings, combine_settings, load_local_settings
from local.host.errors import HostError
from local.stack_state import running_stack
from shared.config_checks.findings import Area, Finding, Severity

ENVIRONMENT = "environment"
STACK = "running stack"


@dataclass(frozen=True, slots=True)
class FoundSettings:
    """Names and values with their sources.

    Attributes:
        sources: by name: "environment", "local.settings.json" or "running stack".
        findings: what is wrong with the file itself.
    """

    values: Mapping[str, str]
    sources: Mapping[str, str]
    findings: tuple[Finding, ...] = ()


def find_settings(folder: Path, environ: Mapping[str, str] | None = None, data: Path = DATA_DIR) -> FoundSettings:
    """The environment, and as in `func start` local.settings.json, over which the environment wins.

    Where neither names a Service Bus namespace and a stack runs here, the settings that it gives the app win over both.

    Args:
        folder: where local.settings.json may be.
        environ: None for the environment of this process.
        data: folder of the stack.
    """
    given = dict(os.environ if environ is None else environ)
    values, sources = dict(given), dict.fromkeys(given, ENVIRONMENT)
    local, findings = _local(folder, given)
    for name, value in local.values.items():
        if not given.get(name):
            values[name], sources[name] = value, FILE_NAME
    if not any(given.get(name) for name in CLOUD_NAMES) and (stack := running_stack(data)) is not None:
        values |= stack.settings
        sources |= dict.fromkeys(stack.settings, STACK)
    return FoundSettings(values, sources, findings)


def _local(folder: Path, environ: Mapping[str, str]) -> tuple[LocalSettings, tuple[Finding, ...]]:
    try:
        local = load_local_settings(folder)
    except HostError as error:
        mend = f"Correct the file; {FILE_NAME.replace('.json', '.sample.json')} is a model."
        return LocalSettings(), (Finding(Severity.CRITICAL, Area.ENVIRONMENT, (FILE_NAME,), str(error), mend),)
    if not (folder / FILE_NAME).exists():
        return local, ()
    try:
        combine_settings(local, environ)
    except HostError as error:
        problem, _, mend = str(error).partition(": ")
        name = "FUNCTIONS_WORKER_RUNTIME"
        finding = Finding(Severity.CRITICAL, Area.ENVIRONMENT, (name,), f"{problem}.", f"{mend[:1].upper()}{mend[1:]}")
        return local, (finding,)
    return local, ()
