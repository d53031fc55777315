"""The errors of Azure OpenAI, with the texts and codes of the real service."""

from collections.abc import Mapping
from typing import Any, Literal

Operation = Literal["chat", "embeddings", "transcription"]

# How Azure names the operations in its errors.
_OPERATION_NAMES: Mapping[Operation, str] = {
    "chat": "ChatCompletions_Create",
    "embeddings": "Embeddings_Create",
    "transcription": "Transcriptions_Create",
}
_MODEL_OPERATIONS: Mapping[Operation, str] = {
    "chat": "chatCompletion",
    "embeddings": "embeddings",
    "transcription": "audioTranscription",
}
_CATEGORIES = ("hate", "self_harm", "sexual", "violence")


class ApiError(Exception):
    """An answer that isn't 200.

    Args:
        body: the JSON that is sent.
    """

    def __init__(self, status: int, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status
        self.body = body
        self.headers = dict(headers or {})


def _error(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> ApiError:
    return ApiError(status, {"error": {"code": code, "message": message}}, headers)


def bad_request(message: str, param: str | None = None, code: str | None = None) -> ApiError:
    """400 for a request that isn't valid."""
    error = {"message": message, "type": "invalid_request_error", "param": param, "code": code}
    return ApiError(400, {"error": error})


def too_large(limit_bytes: int, sent_bytes: int | None) -> ApiError:
    """413 for a body over the limit."""
    sent = "" if sent_bytes is None else f" ({sent_bytes} bytes read)"
    message = f"413: Maximum content size limit ({limit_bytes}) exceeded{sent}"
    return ApiError(413, {"error": {"message": message, "type": "server_error", "param": None, "code": None}})


def unauthorized() -> ApiError:
    """401 for a request without api-key and bearer token."""
    return _error(
        401,
        "401",
        "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an "
        "active subscription and use a correct regional API endpoint for your resource.",
    )


def resource_not_found() -> ApiError:
    """404 for an unknown path, and for a path that needs `api-version` and has none."""
    return _error(404, "404", "Resource not found")


def deployment_not_found() -> ApiError:
    """404 for a deployment that doesn't exist."""
    return _error(
        404,
        "DeploymentNotFound",
        "The API deployment for this resource does not exist. If you created the deployment within the last 5 minutes, "
        "please wait a moment and try again.",
    )


def operation_not_supported(operation: Operation, model: str) -> ApiError:
    """400 for an operation that the deployment's model can't do."""
    return _error(
        400,
        "OperationNotSupported",
        f"The {_MODEL_OPERATIONS[operation]} operation does not work with the specified model, {model}. Please choose "
        "different model and try again. You can learn more about which models can be used with each operation here: "
        "https://go.microsoft.com/fwlink/?linkid=2197993.",
    )


def too_many_requests(
    operation: Operation,
    quota: Literal["token", "call"],
    api_version: str,
    retry_after_s: int,
    headers: Mapping[str, str],
) -> ApiError:
    """429 for a call over one of the limits.

    Args:
        quota: which limit is used up.
        retry_after_s: for the text; the headers are given apart.
    """
    return _error(
        429,
        "429",
        f"Requests to the {_OPERATION_NAMES[operation]} Operation under Azure OpenAI API version {api_version} have "
        f"exceeded {quota} rate limit of your current OpenAI S0 pricing tier. Please retry after {retry_after_s} "
        "seconds. Please go here: https://aka.ms/oai/quotaincrease if you would like to further increase the default "
        "rate limit.",
        headers,
    )


def prompt_filtered() -> ApiError:
    """400 for a prompt that the content filter refuses."""
    return ApiError(
        400,
        {
            "error": {
                "message": "The response was filtered due to the prompt triggering Azure OpenAI's content management "
                "policy. Please modify your prompt and retry. To learn more about our content filtering policies "
                "please read our documentation: https://go.microsoft.com/fwlink/?linkid=2198766",
                "type": None,
                "param": "prompt",
                "code": "content_filter",
                "status": 400,
                "innererror": {
                    "code": "ResponsibleAIPolicyViolation",
                    "content_filter_result": content_filter_results(filtered=True),
                },
            }
        },
    )


def status_error(status: int, message: str | None) -> ApiError:
    """An injected error; its text is Azure's own for the statuses that Azure has texts for."""
    texts = {
        400: "The request is invalid.",
        401: unauthorized().body["error"]["message"],
        403: "Access denied due to Virtual Network/Firewall rules.",
        404: "Resource not found",
        408: "The operation was timeout.",
        429: "Too Many Requests",
        500: "The server had an error while processing your request. Sorry about that!",
        503: "The service is temporarily unable to process your request. Please try again later.",
    }
    return _error(status, str(status), message or texts.get(status, "The request failed."))


def content_filter_results(*, filtered: bool) -> dict[str, Any]:
    """What Azure says of a text in its four categories; a filtered one counts as violent."""
    results: dict[str, Any] = {category: {"filtered": False, "severity": "safe"} for category in _CATEGORIES}
    if filtered:
        results["violence"] = {"filtered": True, "severity": "high"}
    return results
