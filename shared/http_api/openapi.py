"""The OpenAPI document, made from the endpoints and their models."""

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from shared.http_api import endpoints, models, run_endpoints
from shared.http_api.endpoint import Endpoint, Parameter
from shared.http_api.messages import JSON
from shared.jobs.audio_request import AudioRequest
from shared.jobs.reasoning_request import ReasoningRequest
from shared.messages import FeedbackRequest
from shared.version import VERSION

KINDS: Mapping[str, type[BaseModel]] = {
    "feedback": FeedbackRequest,
    "reasoning": ReasoningRequest,
    "audio": AudioRequest,
}
"""What each kind of job takes."""

_REF = "#/components/schemas/{model}"
_DESCRIPTION = (
    "Submits jobs for a model, follows them, and shows how the system is. "
    "Errors are problems (RFC 9457); their type names an entry of /api/docs."
)
_ALWAYS = {
    401: "No key or token that is valid.",
    403: "The caller's roles don't permit this, or a page of another site sent it.",
    429: "The caller asks too often; Retry-After says when to come again.",
    500: "A fault of ours.",
    503: "Something that is needed is away; Retry-After says when to come again.",
}
_PARAMETER = re.compile(r"\{(\w+)\}")
_HEADERS = {
    "X-Correlation-Id": "Of the request, or one of our own.",
    "RateLimit": "What is left of the caller's rate, and when it is whole again.",
    "RateLimit-Policy": "The caller's rate.",
}


def all_endpoints() -> list[Endpoint]:
    """All that are documented, in the order of their declaration."""
    everything = [*vars(endpoints).values(), *vars(run_endpoints).values()]
    found = [value for value in everything if isinstance(value, Endpoint)]
    return [endpoint for endpoint in found if endpoint.method != "OPTIONS"]


@cache
def document() -> bytes:
    """The document as JSON."""
    paths: dict[str, dict[str, Any]] = {}
    for path, endpoint, body in _operations():
        paths.setdefault(path, {})[endpoint.method.lower()] = _operation(path, endpoint, body)
    found = {
        "openapi": "3.1.0",
        "info": {
            "title": "Sluice",
            "version": VERSION,
            "description": _DESCRIPTION,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "security": [{"functionKey": []}, {"functionKeyInQuery": []}, {"bearer": []}],
        "tags": [{"name": name} for name in dict.fromkeys(endpoint.tag for endpoint in all_endpoints())],
        "paths": paths,
        "components": {"schemas": _schemas(), "securitySchemes": _security_schemes()},
    }
    return json.dumps(found, separators=(",", ":")).encode()


def _operations() -> Iterator[tuple[str, Endpoint, str | None]]:
    """Path, endpoint, and model of the body. A route with a kind and a body is one path for each kind."""
    for endpoint in all_endpoints():
        if endpoint.body == "Submission":
            for kind in KINDS:
                yield f"/api/{endpoint.route.replace('{kind}', kind)}", endpoint, kind
        else:
            yield f"/api/{endpoint.route}", endpoint, endpoint.body


def _operation(path: str, endpoint: Endpoint, body: str | None) -> dict[str, Any]:
    kind = body if endpoint.body == "Submission" else None
    operation: dict[str, Any] = {
        "operationId": f"{endpoint.name}_{kind}" if kind else endpoint.name,
        "summary": f"{endpoint.summary} ({kind})" if kind else endpoint.summary,
        "tags": [endpoint.tag],
        "parameters": [*(_of_path(name) for name in _PARAMETER.findall(path)), *map(_parameter, endpoint.parameters)],
        "responses": {str(status): _response(status, answer) for status, answer in _answers(endpoint)},
    }
    if endpoint.permission is None:
        operation["security"] = []
    if body is not None:
        schema = _submission(kind) if kind else _body_schema(body)
        operation["requestBody"] = {
            "required": body != "JobBody",
            "content": {endpoint.media or JSON: {"schema": schema}},
        }
    return {name: value for name, value in operation.items() if value or name == "security"}


def _answers(endpoint: Endpoint) -> list[tuple[int, str]]:
    if endpoint.permission is None:
        return sorted(endpoint.answers.items())
    always = dict.fromkeys(_ALWAYS, "Problem")
    return sorted({**always, **endpoint.answers}.items())


def _response(status: int, answer: str) -> dict[str, Any]:
    described = answer if " " in answer else _ALWAYS.get(status, HTTPStatus(status).phrase)
    response: dict[str, Any] = {
        "description": described,
        "headers": {name: {"description": text, "schema": {"type": "string"}} for name, text in _HEADERS.items()},
    }
    if " " not in answer:
        media = models.MEDIA_TYPES.get(answer, JSON)
        others = {other: {"schema": {"type": "string"}} for other in models.TEXTS.get(answer, ())}
        response["content"] = {media: {"schema": _answer_schema(answer)}, **others}
    return response


def _answer_schema(answer: str) -> dict[str, Any]:
    if answer == "Accepted":
        return {"anyOf": [_ref("Job"), _ref("AcceptedBatch")]}
    if answer in ("HTML", "Metrics", "OpenAPI"):
        return {"type": "object"} if answer == "OpenAPI" else {"type": "string"}
    return _ref(answer)


def _body_schema(body: str) -> dict[str, Any]:
    return {"type": "object", "description": "The mended body."} if body == "JobBody" else _ref(body)


def _submission(kind: str) -> dict[str, Any]:
    one = _ref(KINDS[kind].__name__)
    item = {"allOf": [_ref("BatchItem"), {"type": "object", "properties": {"body": one}}]}
    return {"anyOf": [one, {"type": "array", "items": item, "minItems": 1, "maxItems": 100}]}


def _of_path(name: str) -> dict[str, Any]:
    schema: dict[str, Any] = {"enum": [*KINDS]} if name == "kind" else {"type": "string", "minLength": 1}
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _parameter(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": parameter.where,
        "required": parameter.required,
        "description": parameter.description,
        "schema": parameter.schema,
    }


def _schemas() -> dict[str, Any]:
    asked: list[tuple[type[BaseModel], JsonSchemaMode]] = [(model, "validation") for model in KINDS.values()]
    for endpoint in all_endpoints():
        asked += [(found, "serialization") for name in endpoint.answers.values() for found in _model(name)]
        asked += [(found, "validation") for found in _model(endpoint.body)]
    asked += [
        (models.Problem, "serialization"),
        (models.AcceptedBatch, "serialization"),
        (models.BatchItem, "validation"),
    ]
    _, found = models_json_schema(list(dict.fromkeys(asked)), ref_template=_REF)
    schemas: dict[str, Any] = found["$defs"]
    return dict(sorted(schemas.items()))


def _model(name: str | None) -> list[type[BaseModel]]:
    found = getattr(models, name or "", None)
    return [found] if isinstance(found, type) and issubclass(found, BaseModel) else []


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": _REF.format(model=name)}


def _security_schemes() -> dict[str, Any]:
    key = "An access key of the Functions host, or of the app's own (SLUICE_HTTP_KEYS)."
    return {
        "functionKey": {"type": "apiKey", "in": "header", "name": "x-functions-key", "description": key},
        "functionKeyInQuery": {"type": "apiKey", "in": "query", "name": "code", "description": key},
        "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "An Entra ID token."},
    }
