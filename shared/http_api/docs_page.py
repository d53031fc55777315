"""The OpenAPI document as a page to read, and what each error code means."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from markupsafe import Markup

from shared.errors import SluiceError
from shared.http_api.html import join, page, table
from shared.http_api.messages import Response
from shared.http_api.openapi import document
from shared.http_api.problems import status_of_class


def error_codes() -> dict[str, tuple[int, str]]:
    """By code: the status of a problem, and what it means. Of all errors that this process knows."""
    found: dict[str, tuple[int, str]] = {"internal": (500, "A fault of ours; its log names the correlation id.")}
    for error in sorted(_errors(SluiceError), key=lambda one: one.code):
        meaning = " ".join((error.__doc__ or "").split("Args:")[0].split())
        found[error.code] = (status_of_class(error), meaning)
    return found


def docs_page(key: str | None = None) -> Response:
    """The page.

    Args:
        key: that the caller gave in the address, for the links.
    """
    found = json.loads(document())
    operations = [
        _operation(path, method, operation)
        for path, methods in found["paths"].items()
        for method, operation in methods.items()
    ]
    codes = [
        (Markup('<code id="{0}">{0}</code>').format(code), status, meaning)
        for code, (status, meaning) in error_codes().items()
    ]
    body = join(
        [
            Markup('<p>{} The whole document: <a href="{}">openapi.json</a>.</p>').format(
                found["info"]["description"], "openapi.json" + (f"?code={quote(key, safe='')}" if key else "")
            ),
            Markup("<h2>Operations</h2>"),
            *operations,
            Markup("<h2>Error codes</h2>"),
            table("What the code of a problem means", ("Code", "Status", "Meaning"), codes, numbers=(1,)),
        ]
    )
    return page("Sluice API", body, foot=f"Version {found['info']['version']}")


def _errors(error: type[SluiceError]) -> Iterator[type[SluiceError]]:
    for one in error.__subclasses__():
        yield one
        yield from _errors(one)


def _operation(path: str, method: str, operation: dict[str, Any]) -> Markup:
    parameters = [
        (Markup("<code>{}</code>").format(one["name"]), one["in"], one.get("description", ""))
        for one in operation.get("parameters", [])
    ]
    answers = [(status, answer["description"], _names(answer)) for status, answer in operation["responses"].items()]
    body = operation.get("requestBody")
    return Markup(
        "<details><summary><strong>{method}</strong> <code>{path}</code> {summary}</summary>{parts}</details>"
    ).format(
        method=method.upper(),
        path=path,
        summary=operation["summary"],
        parts=join(
            [
                table(f"Parameters of {operation['operationId']}", ("Name", "In", "Meaning"), parameters)
                if parameters
                else Markup(),
                Markup("<p>Body: {}</p>").format(_names(body)) if body else Markup(),
                table(f"Answers of {operation['operationId']}", ("Status", "Meaning", "Form"), answers),
            ]
        ),
    )


def _names(part: dict[str, Any]) -> Markup:
    """The media types and models of a body."""
    return Markup(", ").join(
        Markup("<code>{}</code> ({})").format(_schema_name(content["schema"]), media)
        for media, content in part.get("content", {}).items()
    )


def _schema_name(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if options := schema.get("anyOf") or schema.get("allOf"):
        return " or ".join(_schema_name(option) for option in options)
    if schema.get("type") == "array":
        return f"list of {_schema_name(schema['items'])}"
    return str(schema.get("type", "any"))
