"""All checks of a folder of Bicep files."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from infra.check import conformity, symbols
from infra.check.deploy import Deployment
from infra.check.scenarios import AFTER_DEPLOY, scenarios
from infra.check.schemas import Schema
from infra.check.syntax import BicepError, Declaration, Finding, Template, read
from infra.check.values import SUBSCRIPTION, Deployed

_GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-test"


def templates(infra: Path) -> list[Template]:
    """Every Bicep file of the folder."""
    return [read(path) for path in sorted(infra.glob("*.bicep"))]


def deployments(infra: Path) -> Iterable[tuple[str, list[Deployed]]]:
    """What each scenario would deploy, by its name.

    Raises:
        BicepError: it can't be evaluated.
    """
    for name, parameters in scenarios(infra).items():
        yield name, Deployment(infra / "main.bicep", parameters).resources
    yield "after deploy", Deployment(infra / "subscriptions.bicep", AFTER_DEPLOY, _GROUP).resources


def check(infra: Path, schemas: Mapping[str, Schema]) -> list[Finding]:
    """Everything that is wrong with the Bicep files of a folder.

    Args:
        schemas: by resource type.
    """
    found: set[Finding] = set()
    files = templates(infra)
    for template in files:
        found |= set(symbols.check(template))
    if any(finding.rule == "syntax" for finding in found):
        return sorted(found)
    deployed: list[Deployed] = []
    try:
        for _, resources in deployments(infra):
            deployed += resources
    except BicepError as error:
        return sorted({*found, error.finding})
    for resource in deployed:
        found |= set(_check_resource(resource, schemas))
    found |= set(_never_deployed(files, deployed))
    return sorted(found)


def _check_resource(resource: Deployed, schemas: Mapping[str, Schema]) -> Iterable[Finding]:
    schema = schemas.get(resource.type)
    yield from conformity.check_name(resource)
    if schema is None:
        yield Finding(resource.path, resource.line, "unknown-type", f"no schema knows {resource.type}")
    elif not resource.existing:
        yield from conformity.check(resource, schema)
    elif resource.version != schema["version"]:
        message = f"{resource.type}@{resource.version}: {schema['version']} is the one that can be checked"
        yield Finding(resource.path, resource.line, "api-version", message)


def _never_deployed(files: Iterable[Template], deployed: Iterable[Deployed]) -> Iterable[Finding]:
    """Resources that no scenario deploys: what they say has not been checked."""
    seen = {(resource.path, resource.symbol) for resource in deployed}
    for template in files:
        for declared in template.of("resource"):
            yield from _unseen(template, declared, declared.name, seen)


def _unseen(template: Template, declared: Declaration, symbol: str, seen: set[tuple[str, str]]) -> Iterable[Finding]:
    if (str(template.path), symbol) not in seen:
        yield Finding(str(template.path), declared.line, "never-deployed", f"no scenario deploys {symbol}")
    for child in declared.nested.values():
        yield from _unseen(template, child, f"{symbol}::{child.name}", seen)


def wanted_types(infra: Path) -> set[str]:
    """The resource types whose schemas are needed."""
    return {name for template in templates(infra) for name in symbols.resource_types(template)}


def summary(infra: Path, schemas: Mapping[str, Schema]) -> dict[str, Any]:
    """How much was checked."""
    counts = {name: sum(not resource.existing for resource in resources) for name, resources in deployments(infra)}
    return {"files": len(templates(infra)), "types": len(schemas), "resources": counts}
