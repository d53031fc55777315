"""The OpenAPI document: valid, complete, and true to what is answered."""

import json
import re
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from shared.config import all_queues
from shared.http_api import endpoints, models
from shared.http_api.docs_page import docs_page, error_codes
from shared.http_api.endpoint import Endpoint
from shared.http_api.job_views import job_view
from shared.http_api.messages import Trail
from shared.http_api.models.jobs import FailedJob, Job, Problem
from shared.http_api.openapi import KINDS, all_endpoints, document
from shared.http_api.problems import problem_of
from shared.http_api.responses import ErrorResponse
from tests.support.api_world import ApiWorld, content
from tests.support.http_routes import routes

DOCUMENT: dict[str, Any] = json.loads(document())
SCHEMAS = DOCUMENT["components"]["schemas"]


def references(value: Any) -> set[str]:
    if isinstance(value, dict):
        here = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
        return here.union(*(references(inner) for inner in value.values()))
    return set().union(*(references(inner) for inner in value)) if isinstance(value, list) else set()


def test_every_reference_leads_somewhere() -> None:
    found = references(DOCUMENT)
    assert found
    assert {name.removeprefix("#/components/schemas/") for name in found} <= set(SCHEMAS)


def test_every_schema_is_one() -> None:
    for schema in SCHEMAS.values():
        Draft202012Validator.check_schema(schema)


def test_every_route_is_documented() -> None:
    documented = {
        (method.upper(), re.sub(r"^/api/", "", path))
        for path, methods in DOCUMENT["paths"].items()
        for method in methods
    }
    for route in routes():
        assert route.endpoint is not None
        if route.endpoint.method == "OPTIONS":
            continue
        if route.endpoint.body == "Submission":
            assert {("POST", f"jobs/{kind}") for kind in KINDS} <= documented
        else:
            assert (route.endpoint.method, route.route) in documented
    assert len(documented) == len(all_endpoints()) - 1 + len(KINDS)


def test_every_kind_of_job_is_documented() -> None:
    assert set(KINDS) == set(all_queues({}))


def test_operations_are_whole() -> None:
    names = [one["operationId"] for methods in DOCUMENT["paths"].values() for one in methods.values()]
    assert len(names) == len(set(names))
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            assert operation["summary"]
            in_path = {one["name"] for one in operation.get("parameters", []) if one["in"] == "path"}
            assert in_path == set(re.findall(r"\{(\w+)\}", path)), (method, path)
            if operation.get("security") == []:
                assert path == "/api/health/live"
            else:
                assert {"401", "403", "429", "500", "503"} <= set(operation["responses"])


def test_results_of_a_run_have_three_forms() -> None:
    content_of = DOCUMENT["paths"]["/api/runs/{id}/results"]["get"]["responses"]["200"]["content"]
    assert set(content_of) == {"application/json", "text/csv", "application/x-ndjson"}
    assert content_of["text/csv"] == {"schema": {"type": "string"}}


@pytest.mark.parametrize("endpoint", all_endpoints(), ids=lambda endpoint: endpoint.name)
def test_models_exist(endpoint: Endpoint) -> None:
    special = {"Accepted", "HTML", "Metrics", "OpenAPI", "Submission", "JobBody"}
    for name in (*endpoint.answers.values(), endpoint.body):
        if name and " " not in name and name not in special:
            assert hasattr(models, name), name


async def test_answers_are_as_documented() -> None:
    world = ApiWorld()
    await world.succeed("good")
    failed = await world.fail("bad")
    await world.add("waits", app_id=None)
    models.JobPage.model_validate(content(await world.call(endpoints.JOBS_LIST, world.jobs.page)))
    models.ErrorPage.model_validate(content(await world.call(endpoints.ERRORS_LIST, world.errors.page)))
    for job_id in ("good", "bad", "waits"):
        Job.model_validate(content(await world.call(endpoints.JOBS_GET, world.jobs.get, id=job_id)))
    for job_id in ("good", "bad"):
        models.Outcome.model_validate(content(await world.call(endpoints.JOBS_RESULT, world.jobs.result, id=job_id)))
    replay = {"kind": "quick", "ids": ["bad", "none"]}
    models.Replayed.model_validate(content(await world.call(endpoints.ERRORS_REPLAY, world.errors.replay, body=replay)))
    batch = [{"body": {"text": "a"}}]
    submitted = await world.call(endpoints.JOBS_SUBMIT, world.jobs.submit, body=batch, kind="quick")
    models.AcceptedBatch.model_validate(content(submitted))
    wrong = await world.call(endpoints.JOBS_SUBMIT, world.jobs.submit, body=[{"body": {"text": ""}}], kind="quick")
    Problem.model_validate(content(wrong))
    assert set(job_view(failed)) <= set(Job.model_fields)
    assert set(FailedJob.model_fields) >= {"id", "kind", "code", "message", "links"}


def test_problems_are_as_documented() -> None:
    for error in (ValueError("x"), KeyError("y")):
        Problem.model_validate(json.loads(problem_of(error, Trail("c", "t", "j")).body))
    Problem.model_validate(json.loads(ErrorResponse.not_found("job", "a").body))


def test_every_error_code_is_explained() -> None:
    codes = error_codes()
    assert codes["not_found"] == (404, "There is no such thing, or not for this caller.")
    assert codes["rate_limited"][0] == 503
    assert codes["audio_not_allowed"][0] == 400
    assert all(meaning and 400 <= status < 600 for status, meaning in codes.values())


def test_the_page() -> None:
    response = docs_page('"><script>')
    text = response.body.decode()
    assert response.content_type.startswith("text/html")
    assert "script" not in re.sub(r"%3Cscript%3E", "", text), "neither of ours nor of the caller's"
    assert 'id="invalid_message"' in text
    for path in DOCUMENT["paths"]:
        assert path in text
    policy = response.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
