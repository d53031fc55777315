"""Chat completions: request -> engine -> the JSON that Azure OpenAI answers."""

import time
import uuid
from collections.abc import Sequence
from typing import Any, override

from aiohttp import web

from local.model.api import Answer, ApiOperation, Asked, Charge
from local.model.azure_errors import ApiError, Operation, bad_request, content_filter_results
from local.model.demo.texts import content_text
from local.model.deployments import Deployment
from local.model.engines.protocol import ChatCall, ChatResult, Engine, UpstreamError
from local.model.faults import AnswerFault, AnyFault, FilterFault, OutputFault
from local.model.model_rules import check_request
from local.model.requests import ChatRequest, parse_chat
from local.model.schema_filler import UnfillableError
from local.model.spoiling import cut_to_tokens, not_json, violating
from shared.model.client import ChatMessage, Usage
from shared.model.tokens import count_tokens, estimate_request_tokens


class ChatOperation(ApiOperation):
    """POST .../chat/completions"""

    name: Operation = "chat"

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @override
    async def read(self, request: web.Request) -> Asked:
        body = await request.read()
        parsed = parse_chat(body)
        return Asked(parsed.model or "", body.decode("utf-8"), parsed)

    @override
    def charge(self, asked: Asked, deployment: Deployment) -> Charge | None:
        request: ChatRequest = asked.request
        prompt = _prompt_tokens(request, deployment.model)
        check_request(request, deployment.model, prompt)
        return Charge(prompt, request.token_limit, request.n or 1)

    @override
    async def answer(self, asked: Asked, deployment: Deployment, fault: AnyFault | None) -> Answer:
        request: ChatRequest = asked.request
        try:
            result = await self._engine.chat(_call(request))
        except UnfillableError as error:
            raise bad_request(f"Invalid schema for response_format: {error}.", "response_format") from None
        except UpstreamError as error:
            raise ApiError(error.status, error.body, error.headers) from None
        prompt = result.usage.input_tokens if result.usage else _prompt_tokens(request, deployment.model)
        texts, reason = _spoiled(result, request, deployment.model, fault)
        written = sum(count_tokens(text, deployment.model) for text in texts)
        if result.usage and texts == list(result.texts):
            written = result.usage.output_tokens
        usage = Usage(prompt, written)
        return Answer(_completion(texts, reason, result.model, usage), usage.total_tokens)


def _prompt_tokens(request: ChatRequest, model: str) -> int:
    roles: dict[str, Any] = {"developer": "system", "tool": "user", "function": "user"}
    messages: list[ChatMessage] = [
        {"role": roles.get(message.role, message.role), "content": content_text(message.model_dump()["content"])}
        for message in request.messages
    ]
    chosen = request.response_format
    given = chosen.model_dump(by_alias=True, exclude_none=True) if chosen else None
    return estimate_request_tokens(messages, 0, model, given)


def _call(request: ChatRequest) -> ChatCall:
    payload = request.model_dump(by_alias=True, exclude_none=True)
    return ChatCall(
        payload=payload,
        messages=payload["messages"],
        response_format=payload.get("response_format"),
        choices=request.n or 1,
        max_tokens=request.token_limit,
        stop=request.stops,
    )


def _spoiled(result: ChatResult, request: ChatRequest, model: str, fault: AnyFault | None) -> tuple[list[str], str]:
    """The texts and finish reason after max_tokens and the fault have had their way."""
    texts, reason = list(result.texts), result.finish_reason
    # Engines that count tokens have kept the limit, by their own tokenizer.
    limit = None if result.usage else request.token_limit
    if isinstance(fault, FilterFault):
        return ["" for _ in texts], "content_filter"
    if isinstance(fault, AnswerFault):
        texts = [fault.text for _ in texts]
    elif isinstance(fault, OutputFault) and fault.kind == "invalid_content":
        texts = [not_json(text) for text in texts]
    elif isinstance(fault, OutputFault) and fault.kind == "schema_violation":
        texts = [violating(text, _schema(request)) for text in texts]
    elif isinstance(fault, OutputFault) and fault.kind == "truncate":
        limit = max(1, min(count_tokens(text, model) for text in texts) // 2)
    cut = [text if limit is None else cut_to_tokens(text, limit, model) for text in texts]
    return cut, reason if cut == texts else "length"


def _schema(request: ChatRequest) -> dict[str, Any]:
    chosen = request.response_format
    return {} if chosen is None or chosen.type != "json_schema" else chosen.json_schema.schema_


def _completion(texts: Sequence[str], reason: str, model: str, usage: Usage) -> dict[str, Any]:
    filtered = reason == "content_filter"
    filter_results = content_filter_results(filtered=filtered)
    return {
        "id": f"chatcmpl-{uuid.uuid4().hex}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": model,
        "choices": [
            {
                "index": index,
                "finish_reason": reason,
                "logprobs": None,
                # Azure leaves out the content that it filters.
                "message": {"role": "assistant"} | ({} if filtered else {"content": text, "refusal": None}),
                "content_filter_results": filter_results,
            }
            for index, text in enumerate(texts)
        ],
        "prompt_filter_results": [
            {"prompt_index": 0, "content_filter_results": content_filter_results(filtered=False)}
        ],
        "system_fingerprint": None,
        "usage": {
            "prompt_tokens": usage.input_tokens,
            "completion_tokens": usage.output_tokens,
            "total_tokens": usage.total_tokens,
        },
    }
