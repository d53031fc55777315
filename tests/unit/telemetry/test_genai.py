"""Model calls by the conventions: names, units, and nothing of what was said."""

import pytest
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes
from opentelemetry.semconv._incubating.metrics import gen_ai_metrics

from shared.errors import RateLimitedError
from shared.telemetry.genai import ModelCall, model_call
from shared.telemetry.tracing import Kind
from tests.support.recording import Recorded

CALL = ModelCall("chat", "gpt-4o-mini", "x.openai.azure.com", None, 500, 0.2)


def test_an_answered_call(recorded: Recorded) -> None:
    with model_call(CALL) as answer:
        answer.take(
            {
                "model": "gpt-4o-mini-2024-07-18",
                "finish_reason": "stop",
                "input_tokens": 812,
                "output_tokens": 96,
                "request_id": "r1",
                "other": "ignored",
            }
        )
    (span,) = recorded.spans
    assert (span.name, span.kind) == ("chat gpt-4o-mini", Kind.CLIENT)
    tags = dict(span.attributes or {})
    assert tags == {
        gen_ai_attributes.GEN_AI_OPERATION_NAME: "chat",
        gen_ai_attributes.GEN_AI_PROVIDER_NAME: gen_ai_attributes.GenAiProviderNameValues.AZURE_AI_OPENAI.value,
        gen_ai_attributes.GEN_AI_REQUEST_MODEL: "gpt-4o-mini",
        gen_ai_attributes.GEN_AI_REQUEST_MAX_TOKENS: 500,
        gen_ai_attributes.GEN_AI_REQUEST_TEMPERATURE: 0.2,
        gen_ai_attributes.GEN_AI_RESPONSE_MODEL: "gpt-4o-mini-2024-07-18",
        gen_ai_attributes.GEN_AI_RESPONSE_FINISH_REASONS: ("stop",),
        gen_ai_attributes.GEN_AI_USAGE_INPUT_TOKENS: 812,
        gen_ai_attributes.GEN_AI_USAGE_OUTPUT_TOKENS: 96,
        "azure.service.request.id": "r1",
        "server.address": "x.openai.azure.com",
    }
    used = {
        tags["gen_ai.token.type"]: value for tags, value in recorded.metric(gen_ai_metrics.GEN_AI_CLIENT_TOKEN_USAGE)
    }
    assert used == {"input": 812, "output": 96}
    ((tags, seconds),) = recorded.metric(gen_ai_metrics.GEN_AI_CLIENT_OPERATION_DURATION)
    assert 0 <= seconds < 10
    assert "error.type" not in tags


def test_a_refused_call_counts_no_tokens(recorded: Recorded) -> None:
    with pytest.raises(RateLimitedError), model_call(CALL):
        raise RateLimitedError("text")
    assert dict(recorded.spans[0].attributes or {})["error.type"] == "rate_limited"
    assert recorded.metric(gen_ai_metrics.GEN_AI_CLIENT_OPERATION_DURATION)[0][0]["error.type"] == "rate_limited"
    assert recorded.metric(gen_ai_metrics.GEN_AI_CLIENT_TOKEN_USAGE) == []
