"""What reasoning models take, and what they need room for."""

import pytest

from shared.model.reasoning_models import HIDDEN_TOKENS, hidden_tokens, parameters_for
from tests.unit.model.endpoint import MESSAGES, Endpoint, answer

BODY = {"max_tokens": 9, "temperature": 0.0, "reasoning_effort": "high", "stop": "x"}


@pytest.mark.parametrize(
    ("base_model", "sent"),
    [
        ("gpt-4o", {"max_tokens": 9, "temperature": 0.0, "stop": "x"}),
        ("gpt-5-chat", {"max_tokens": 9, "temperature": 0.0, "stop": "x"}),
        ("o3-mini", {"max_completion_tokens": 9, "reasoning_effort": "high", "stop": "x"}),
        ("gpt-5-mini", {"max_completion_tokens": 9, "reasoning_effort": "high", "stop": "x"}),
        ("o1-mini", {"max_completion_tokens": 9, "stop": "x"}),
    ],
)
def test_parameters(base_model: str, sent: dict[str, object]) -> None:
    assert parameters_for(base_model, BODY) == sent


def test_more_effort_needs_more_room() -> None:
    assert HIDDEN_TOKENS["low"] < HIDDEN_TOKENS["medium"] < HIDDEN_TOKENS["high"]
    assert hidden_tokens("o3-mini", "high") == HIDDEN_TOKENS["high"]
    assert hidden_tokens("gpt-4o", "high") == 0


async def test_the_effort_goes_over_the_wire() -> None:
    endpoint = Endpoint(answer(), answer())
    service = endpoint.service(base_models={"chat": "o3-mini"})
    await service.chat_completion(MESSAGES, max_tokens=9, reasoning_effort="low")
    assert endpoint.body()["reasoning_effort"] == "low"
    await service.chat_completion(MESSAGES, max_tokens=9)
    assert "reasoning_effort" not in endpoint.body()
