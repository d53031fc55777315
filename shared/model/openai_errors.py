"""The one border where errors of the openai and azure-identity SDKs become ours.

Their texts may quote the prompt, so ours are built from the status, codes and ids alone. Imported with the first call
only, as it imports openai.
"""

import re
from collections.abc import Mapping

from azure.core.exceptions import AzureError
from httpx2 import ConnectError
from openai import (
    APIConnectionError,
    APIResponseValidationError,
    APIStatusError,
    APITimeoutError,
    OpenAIError,
)

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
from shared.model.response_headers import request_id, retry_after_s

FOREIGN_ERRORS = (OpenAIError, AzureError, TimeoutError, UnicodeEncodeError)
"""What a call may raise, and `sluice_error` takes."""

_ROLE = (
    "the app's identity needs the role 'Cognitive Services OpenAI User' on the Azure OpenAI resource; "
    "a new assignment takes some minutes to arrive"
)
_NO_DEPLOYMENT = {"DeploymentNotFound", "model_not_found"}
_HINTS = {
    "context_length_exceeded": "Prompt and max_tokens together are longer than the model's context.",
    "unsupported_parameter": "Set AZURE_OPENAI_BASE_MODEL where the deployment's name isn't that of its model.",
    "unsupported_value": "Set AZURE_OPENAI_BASE_MODEL where the deployment's name isn't that of its model.",
    "invalid_json_schema": "Structured output doesn't take this output schema.",
    "OperationNotSupported": "This deployment's model is of another kind: chat and transcription need one each.",
}
_IDENTIFIER = re.compile(r"[A-Za-z0-9_.:\[\]-]{1,80}")


def sluice_error(error: Exception, deployment: str) -> SluiceError:
    """Translate an error of one call.

    Args:
        error: an instance of FOREIGN_ERRORS.
        deployment: the deployment that was called.
    """
    match error:
        case APITimeoutError() | TimeoutError():
            return ModelTimeoutError(f"No answer in time (deployment {deployment!r}).")
        case APIConnectionError():
            return _connection_error(error, deployment)
        case APIStatusError():
            return _status_error(error, deployment)
        case APIResponseValidationError():
            return ModelUnavailableError(f"The answer isn't what was asked for (deployment {deployment!r}).")
        case AzureError():
            return AccessDeniedError(
                f"There is no Entra token for the endpoint ({type(error).__name__}). In Azure, give the app a managed "
                f"identity: {_ROLE}. On your own machine, sign in with `az login` or set AZURE_OPENAI_API_KEY."
            )
        case UnicodeEncodeError():
            return ModelRequestError("The prompt isn't Unicode text: it has a lone surrogate.")
        case _:
            return ModelRequestError(f"The openai library can't make the call: {type(error).__name__}.")


def _cause_of(error: BaseException) -> BaseException:
    """The system's error behind one of a library; where there is none, the first that the library doesn't hide."""
    hidden = False
    found = inner = error
    while following := inner.__cause__ or inner.__context__:
        hidden = hidden or (inner.__cause__ is None and inner.__suppress_context__)
        inner = following
        if not hidden or isinstance(inner, OSError):
            found = inner
    return found


def _connection_error(error: APIConnectionError, deployment: str) -> SluiceError:
    cause = _cause_of(error)
    # Texts other than the system's may quote headers, and with them the key.
    reason = f": {cause.strerror}" if isinstance(cause, OSError) and cause.strerror else ""
    return ModelUnavailableError(
        f"The connection to {error.request.url.host} failed: {type(cause).__name__}{reason} "
        f"(deployment {deployment!r}). Check the endpoint's address, DNS and network rules.",
        reached=not isinstance(error.__cause__, ConnectError),
    )


def _status_error(error: APIStatusError, deployment: str) -> SluiceError:
    facts = _facts(error, deployment)
    wait_s = retry_after_s(error.response.headers)
    match error.status_code:
        case 401 | 403:
            return AccessDeniedError(
                f"The endpoint refuses our identity or key {facts}: {_ROLE}. It also refuses callers outside the "
                "resource's network rules."
            )
        case 404 if error.code in _NO_DEPLOYMENT:
            return UnknownDeploymentError(
                f"The endpoint has no such deployment {facts}. Check AZURE_OPENAI_DEPLOYMENT_NAME; a new deployment "
                "takes some minutes to arrive."
            )
        case 404:
            return ModelRequestError(
                f"The endpoint has no such path {facts}. Check AZURE_OPENAI_ENDPOINT and AZURE_OPENAI_API_VERSION."
            )
        case 408:
            return ModelTimeoutError(f"The endpoint gave up waiting {facts}.", retry_after_s=wait_s)
        case 429:
            return RateLimitedError(f"The quota is used up for now {facts}.", retry_after_s=wait_s)
        case status if status == 409 or status >= 500:
            return ModelUnavailableError(f"The endpoint failed {facts}.", retry_after_s=wait_s)
        case _ if _is_filtered(error):
            return ContentFilteredError(f"The content filter refuses the prompt {facts}{_categories(error)}.")
        case _:
            hint = _HINTS.get(error.code or "", "")
            return ModelRequestError(f"The endpoint rejects the request {facts}. {hint}".rstrip())


def _facts(error: APIStatusError, deployment: str) -> str:
    known = {
        "HTTP": str(error.status_code),
        "code": error.code,
        "parameter": error.param,
        "request id": request_id(error.response.headers),
    }
    plain = [f"{name} {value}" for name, value in known.items() if value and _IDENTIFIER.fullmatch(value)]
    return f"({', '.join([f'deployment {deployment!r}', *plain])})"


def _is_filtered(error: APIStatusError) -> bool:
    return error.code == "content_filter" or _inner(error).get("code") == "ResponsibleAIPolicyViolation"


def _categories(error: APIStatusError) -> str:
    """Which filters took offence, such as " for: hate, jailbreak"."""
    results = _inner(error).get("content_filter_result")
    if not isinstance(results, Mapping):
        return ""
    names = [
        name
        for name, result in results.items()
        if isinstance(result, Mapping) and result.get("filtered") is True and _IDENTIFIER.fullmatch(name)
    ]
    return f" for: {', '.join(sorted(names))}" if names else ""


def _inner(error: APIStatusError) -> Mapping[str, object]:
    inner = error.body.get("innererror") if isinstance(error.body, Mapping) else None
    return inner if isinstance(inner, Mapping) else {}
