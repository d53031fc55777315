"""Every error of the SDKs becomes one of ours, without a word of the prompt."""

import ssl
from collections.abc import Iterator

import httpx2
import openai
import pytest
from azure.core.exceptions import ClientAuthenticationError, ServiceRequestError
from azure.identity import CredentialUnavailableError

from shared.errors import (
    AccessDeniedError,
    ContentFilteredError,
    ModelRequestError,
    ModelTimeoutError,
    ModelUnavailableError,
    RateLimitedError,
    SluiceError,
    UnknownDeploymentError,
)
from shared.model.openai_errors import sluice_error

SECRET = "my card number is 4111"
REQUEST = httpx2.Request("POST", "https://example.openai.azure.com/openai")

# What the SDK exports, and what we make of it. Where an upgrade adds a class, decide what it is and add it here.
STATUS_ERRORS = {
    openai.BadRequestError: (400, ModelRequestError),
    openai.AuthenticationError: (401, AccessDeniedError),
    openai.OAuthError: (401, AccessDeniedError),
    openai.PermissionDeniedError: (403, AccessDeniedError),
    openai.NotFoundError: (404, ModelRequestError),
    openai.ConflictError: (409, ModelUnavailableError),
    openai.UnprocessableEntityError: (422, ModelRequestError),
    openai.RateLimitError: (429, RateLimitedError),
    openai.InternalServerError: (500, ModelUnavailableError),
    openai.APIStatusError: (418, ModelRequestError),
}
OTHER_ERRORS: dict[Exception, type[SluiceError]] = {
    openai.APITimeoutError(REQUEST): ModelTimeoutError,
    openai.APIConnectionError(request=REQUEST): ModelUnavailableError,
    openai.APIResponseValidationError(httpx2.Response(200, request=REQUEST), None): ModelUnavailableError,
    openai.APIError(SECRET, REQUEST, body=None): ModelRequestError,
    openai.OpenAIError(SECRET): ModelRequestError,
}
NOT_FOR_CALLS = {
    openai.LengthFinishReasonError,
    openai.ContentFilterFinishReasonError,
    openai.InvalidWebhookSignatureError,
    openai.WebSocketConnectionClosedError,
    openai.WebSocketQueueFullError,
}


def _subclasses(base: type[Exception]) -> Iterator[type[Exception]]:
    for child in base.__subclasses__():
        yield child
        yield from _subclasses(child)


def _status_error(
    status: int,
    body: object = None,
    headers: dict[str, str] | None = None,
    kind: type[openai.APIStatusError] | None = None,
) -> openai.APIStatusError:
    response = httpx2.Response(status, headers=headers, request=REQUEST)
    kind = kind or next((known for known, (code, _) in STATUS_ERRORS.items() if code == status), openai.APIStatusError)
    if kind is openai.OAuthError:
        return openai.OAuthError(response=response, body=body)
    return kind(SECRET, response=response, body=body)


def test_every_exported_error_is_decided_on() -> None:
    exported = {
        value
        for name in openai.__all__
        if isinstance(value := getattr(openai, name), type) and issubclass(value, Exception)
    }
    assert exported == {*STATUS_ERRORS, *map(type, OTHER_ERRORS), *NOT_FOR_CALLS}


@pytest.mark.parametrize("kind", sorted(set(_subclasses(openai.OpenAIError)), key=repr), ids=lambda kind: kind.__name__)
def test_no_error_of_the_sdk_falls_through(kind: type[Exception]) -> None:
    if issubclass(kind, openai.APIStatusError):
        error: Exception = _status_error(STATUS_ERRORS[kind][0], kind=kind)
    else:
        error = kind.__new__(kind)
        error.request = REQUEST  # type: ignore[attr-defined]
    assert isinstance(sluice_error(error, "d1"), SluiceError)


@pytest.mark.parametrize(("error", "expected"), OTHER_ERRORS.items(), ids=lambda value: type(value).__name__)
def test_errors_without_an_answer(error: Exception, expected: type[SluiceError]) -> None:
    failure = sluice_error(error, "d1")
    assert type(failure) is expected
    assert SECRET not in str(failure)


@pytest.mark.parametrize(
    ("status", "body", "expected", "text"),
    [
        *((status, None, expected, f"HTTP {status}") for status, expected in STATUS_ERRORS.values()),
        (404, {"code": "DeploymentNotFound"}, UnknownDeploymentError, "AZURE_OPENAI_DEPLOYMENT_NAME"),
        (404, {"code": "model_not_found"}, UnknownDeploymentError, "'d1'"),
        (404, {"code": "404"}, ModelRequestError, "AZURE_OPENAI_API_VERSION"),
        (408, {"code": "Timeout"}, ModelTimeoutError, "code Timeout"),
        (413, None, ModelRequestError, "HTTP 413"),
        (424, None, ModelRequestError, "HTTP 424"),
        (502, "<html>", ModelUnavailableError, "HTTP 502"),
        (503, ["x"], ModelUnavailableError, "HTTP 503"),
        (529, None, ModelUnavailableError, "HTTP 529"),
        (400, {"code": "context_length_exceeded"}, ModelRequestError, "longer than the model's context"),
        (400, {"code": "unsupported_parameter", "param": "max_tokens"}, ModelRequestError, "parameter max_tokens"),
        (400, {"code": "content_filter"}, ContentFilteredError, "The content filter refuses the prompt"),
        (
            400,
            {"innererror": {"code": "ResponsibleAIPolicyViolation", "content_filter_result": "odd"}},
            ContentFilteredError,
            "HTTP 400).",
        ),
    ],
)
def test_status_codes(status: int, body: object, expected: type[SluiceError], text: str) -> None:
    failure = sluice_error(_status_error(status, body), "d1")
    assert type(failure) is expected
    assert text in str(failure)


def test_filtered_prompts_name_the_filters() -> None:
    results = {
        "violence": {"filtered": True, "severity": "high"},
        "hate": {"filtered": False, "severity": "safe"},
        "jailbreak": {"filtered": True, "detected": True},
        SECRET: {"filtered": True},
        "odd": True,
    }
    inner = {"code": "ResponsibleAIPolicyViolation", "content_filter_result": results}
    failure = sluice_error(_status_error(400, {"code": "content_filter", "innererror": inner}), "d1")
    assert str(failure).endswith(" for: jailbreak, violence.")


def test_the_prompt_never_shows() -> None:
    body = {"message": SECRET, "code": SECRET, "param": SECRET, "type": SECRET, "innererror": {"code": SECRET}}
    for status in (400, 401, 404, 408, 409, 413, 422, 429, 500):
        failure = sluice_error(_status_error(status, body, {"x-request-id": SECRET}), "d1")
        assert SECRET not in str(failure)
        assert "4111" not in repr(vars(failure))


def test_waits_and_ids_are_kept() -> None:
    headers = {"retry-after-ms": "1500", "apim-request-id": "abc-1"}
    for status in (408, 429, 503):
        failure = sluice_error(_status_error(status, None, headers), "d1")
        assert getattr(failure, "retry_after_s", None) == 1.5
        assert "request id abc-1" in str(failure)


@pytest.mark.parametrize(
    ("causes", "reached", "text"),
    [
        (
            [httpx2.ConnectError(SECRET), ConnectionRefusedError(111, "refused")],
            False,
            "ConnectionRefusedError: refused",
        ),
        ([httpx2.ConnectError(SECRET), ssl.SSLCertVerificationError(1, "bad certificate")], False, "bad certificate"),
        ([httpx2.RemoteProtocolError(SECRET)], True, "RemoteProtocolError ("),
        ([httpx2.ReadError(SECRET), ConnectionResetError(104, "reset")], True, "ConnectionResetError: reset"),
    ],
)
def test_connections(causes: list[Exception], reached: bool, text: str) -> None:
    error: Exception = openai.APIConnectionError(request=REQUEST)
    outer = error
    for cause in causes:
        outer.__cause__ = cause
        outer = cause
    failure = sluice_error(error, "d1")
    assert isinstance(failure, ModelUnavailableError)
    assert failure.reached is reached
    assert text in str(failure)
    assert "example.openai.azure.com" in str(failure)
    assert SECRET not in str(failure)


@pytest.mark.parametrize(
    ("hidden", "name"),
    [(IndexError(), "EOFError"), (ConnectionResetError(104, "reset"), "ConnectionResetError: reset")],
)
def test_what_a_library_hides_is_no_cause_unless_it_is_the_systems(hidden: Exception, name: str) -> None:
    """AnyIO tells the end of a stream by an IndexError of its own, which it suppresses."""
    error = openai.APIConnectionError(request=REQUEST)
    error.__cause__ = ended = EOFError()
    ended.__context__, ended.__suppress_context__ = hidden, True
    assert f"failed: {name} (" in str(sluice_error(error, "d1"))


@pytest.mark.parametrize(
    "error",
    [ClientAuthenticationError(SECRET), CredentialUnavailableError(SECRET), ServiceRequestError(SECRET)],
)
def test_missing_identity_says_what_to_do(error: Exception) -> None:
    failure = sluice_error(error, "d1")
    assert type(failure) is AccessDeniedError
    for advice in ("az login", "Cognitive Services OpenAI User", type(error).__name__):
        assert advice in str(failure)
    assert SECRET not in str(failure)
