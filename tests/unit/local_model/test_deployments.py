"""Deployments: their descriptions, their limits, what they can do."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.model.azure_errors import ApiError, Operation
from local.model.deployments import DeploymentError, Deployments, DeploymentSpec, parse_deployments
from local.model.limits import Limits

LIMITS = Limits(tpm=100_000, rpm=500)


@pytest.mark.parametrize(
    ("argument", "spec"),
    [
        ("mini", DeploymentSpec("mini", "mini")),
        ("mini:gpt-4o-mini", DeploymentSpec("mini", "gpt-4o-mini")),
        ("mini:gpt-4o-mini:5000", DeploymentSpec("mini", "gpt-4o-mini", 5000)),
        ("mini::5000:10", DeploymentSpec("mini", "mini", 5000, 10)),
    ],
)
def test_deployments_of_the_command_line(argument: str, spec: DeploymentSpec) -> None:
    assert parse_deployments([argument]) == [spec]


def test_deployments_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "deployments.json"
    path.write_text(json.dumps({"a": {"model": "gpt-4o", "tpm": 10}, "b": {}}))

    assert parse_deployments([str(path), "c"]) == [
        DeploymentSpec("a", "gpt-4o", 10),
        DeploymentSpec("b", "b"),
        DeploymentSpec("c", "c"),
    ]


@pytest.mark.parametrize("argument", ["", ":gpt-4o", "a:b:0", "a:b:x", "a:b:1:2:3", "missing.json"])
def test_wrong_arguments_are_named(argument: str) -> None:
    with pytest.raises(DeploymentError, match=argument or "''"):
        parse_deployments([argument])


@pytest.mark.parametrize("content", ["[]", '{"a": 1}', '{"a": {"tpm": "many"}}', '{"a": {"colour": 1}}', "{"])
def test_wrong_files_are_named(content: str, tmp_path: Path) -> None:
    path = tmp_path / "deployments.json"
    path.write_text(content)

    with pytest.raises(DeploymentError, match=r"deployments\.json"):
        parse_deployments([str(path)])


@given(st.text(max_size=30))
def test_any_argument_is_read_or_refused(argument: str) -> None:
    try:
        specs = parse_deployments([argument])
    except DeploymentError:
        return
    assert specs[0].name == argument.split(":")[0]


@pytest.mark.parametrize(
    ("spec", "tpm", "rpm"),
    [
        (DeploymentSpec("a", "gpt-4o"), 100_000, 500),
        (DeploymentSpec("a", "gpt-4o", 10_000), 10_000, 60),
        (DeploymentSpec("a", "gpt-4o", 10_000, 7), 10_000, 7),
        (DeploymentSpec("a", "o1"), 100_000, 16),
    ],
)
def test_limits_of_a_deployment(spec: DeploymentSpec, tpm: int, rpm: int) -> None:
    limits = Deployments([spec], LIMITS).get("a").limiter.limits

    assert (limits.tpm, limits.rpm) == (tpm, rpm)


def test_every_name_exists_unless_deployments_are_listed() -> None:
    assert Deployments([], LIMITS).get("anything").model == "anything"
    with pytest.raises(ApiError) as caught:
        Deployments([DeploymentSpec("a", "a")], LIMITS).get("anything")
    assert caught.value.body["error"]["code"] == "DeploymentNotFound"


def test_changes_reach_the_deployments_they_name() -> None:
    deployments = Deployments([], LIMITS)
    deployments.get("a")
    deployments.get("b")

    deployments.change("a", {"tpm": 1})
    deployments.change(None, {"rpm": 2})

    limits = {name: deployments.get(name).limiter.limits for name in ("a", "b", "later")}
    assert {name: (one.tpm, one.rpm) for name, one in limits.items()} == {
        "a": (1, 2),
        "b": (100_000, 2),
        "later": (100_000, 2),
    }
    deployments.reset()
    assert deployments.get("a").limiter.limits == LIMITS


@pytest.mark.parametrize(
    ("model", "can"),
    [
        ("gpt-4o-mini", {"chat"}),
        ("gpt-4o-transcribe", {"transcription"}),
        ("gpt-transcribe", {"transcription"}),
        ("whisper-1", {"transcription"}),
        ("text-embedding-3-small", {"embeddings"}),
        ("my-model", {"chat", "embeddings", "transcription"}),
    ],
)
def test_models_do_only_what_their_kind_does(model: str, can: set[Operation]) -> None:
    deployment = Deployments([DeploymentSpec("a", model)], LIMITS).get("a")
    operations: list[Operation] = ["chat", "embeddings", "transcription"]
    for operation in operations:
        if operation in can:
            deployment.check_can(operation)
        else:
            with pytest.raises(ApiError) as caught:
                deployment.check_can(operation)
            assert caught.value.body["error"]["code"] == "OperationNotSupported"
