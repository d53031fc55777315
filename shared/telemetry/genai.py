"""Spans and metrics of model calls, by OpenTelemetry's conventions for generative AI. Never a prompt or an answer."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from shared.telemetry.metrics import observe
from shared.telemetry.tracing import ERROR_TYPE, Kind, Span, TagValue, error_code, get_tracer

PROVIDER = "azure.ai.openai"

_tracer = get_tracer(__name__)


@dataclass(frozen=True, slots=True)
class ModelCall:
    """What is known of a call before it is made.

    Attributes:
        operation: "chat", or "transcription", for which the conventions have no name.
        model: the deployment.
        server: host of the endpoint; `port` unless it is that of HTTPS.
    """

    operation: str
    model: str
    server: str | None = None
    port: int | None = None
    max_tokens: int | None = None
    temperature: float | None = None


@dataclass(slots=True)
class ModelAnswer:
    """What an answer told, filled in by the caller."""

    model: str | None = None
    finish_reason: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    request_id: str | None = None

    def take(self, told: Mapping[str, Any]) -> None:
        """Take what has the name of a field."""
        for name in self.__slots__:
            setattr(self, name, told.get(name))


@contextmanager
def model_call(call: ModelCall) -> Iterator[ModelAnswer]:
    """Record the call that is made within.

    Yields:
        Where to put what its answer tells.
    """
    common: dict[str, TagValue | None] = {
        "gen_ai.operation.name": call.operation,
        "gen_ai.provider.name": PROVIDER,
        "gen_ai.request.model": call.model,
        "server.address": call.server,
        "server.port": call.port,
    }
    answer = ModelAnswer()
    began_s = time.perf_counter()
    failed: str | None = None
    try:
        with _tracer.start_span(
            f"{call.operation} {call.model}",
            kind=Kind.CLIENT,
            tags={
                **common,
                "gen_ai.request.max_tokens": call.max_tokens,
                "gen_ai.request.temperature": call.temperature,
            },
        ) as span:
            yield answer
            _tell(span, answer)
    except BaseException as error:
        failed = error_code(error)
        raise
    finally:
        tags = {**common, "gen_ai.response.model": answer.model}
        duration_s = time.perf_counter() - began_s
        observe("gen_ai.client.operation.duration", duration_s, {**tags, ERROR_TYPE: failed})  # type: ignore[dict-item]
        for kind, tokens in (("input", answer.input_tokens), ("output", answer.output_tokens)):
            if tokens:
                observe("gen_ai.client.token.usage", tokens, {**tags, "gen_ai.token.type": kind})  # type: ignore[dict-item]


def _tell(span: Span, answer: ModelAnswer) -> None:
    span.set_tags(
        {
            "gen_ai.response.model": answer.model,
            "gen_ai.response.finish_reasons": None if answer.finish_reason is None else [answer.finish_reason],
            "gen_ai.usage.input_tokens": answer.input_tokens,
            "gen_ai.usage.output_tokens": answer.output_tokens,
            "azure.service.request.id": answer.request_id,
        }
    )
