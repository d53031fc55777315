"""A GGUF file of the user's own, through xllamacpp (llama.cpp). Embeddings and speech stay with another engine."""

import asyncio
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from local.model.engines.bounded_schema import bounded
from local.model.engines.protocol import ChatCall, ChatResult, Engine, EngineStartError, Transcript, UpstreamError
from shared.model.client import Usage

_CONTEXT_TOKENS = 8192
# Small models repeat themselves without end at temperature 0. DRY sampling makes verbatim repetition ever less likely;
# the values are those its author recommends (llama.cpp, tools/server/README.md), but for the sequence breakers: by
# default quotes are among them, and then an array may repeat its last element for ever.
_AGAINST_LOOPS = {"dry_multiplier": 0.8, "dry_base": 1.75, "dry_allowed_length": 2, "dry_sequence_breakers": ["\n"]}
# Models of such files may go on without end (bounded_schema.py); larger ones know when they are done.
_SMALL_BYTES = 700_000_000
# What llama.cpp understands of a request. The model's name and the number of choices are ours.
_FORWARDED = (
    *("messages", "max_tokens", "temperature", "top_p", "frequency_penalty", "presence_penalty", "seed", "stop"),
    *("response_format", "logit_bias"),
)


class GgufEngine:
    """Implements Engine.

    Args:
        path: the model file.
        other: answers embeddings and transcriptions.

    Raises:
        EngineStartError: xllamacpp isn't installed, or the file isn't there or isn't a model.
    """

    def __init__(self, path: Path, other: Engine) -> None:
        self._other = other
        self._model_name = path.name
        self.name = f"gguf: {path.name}"
        self._server = _start(path)
        self._small = path.stat().st_size < _SMALL_BYTES
        # One call at a time: llama.cpp shares its context among parallel calls.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="gguf")

    async def chat(self, call: ChatCall) -> ChatResult:
        """See Engine."""
        given = {name: call.payload[name] for name in _FORWARDED if call.payload.get(name) is not None}
        body: dict[str, Any] = {**_AGAINST_LOOPS, **given}
        if call.max_tokens is not None:
            body["max_tokens"] = call.max_tokens
        if call.response_format and call.response_format["type"] == "json_schema":
            asked = call.response_format["json_schema"]
            schema = bounded(asked.get("schema", {}), call.max_tokens if self._small else None)
            body["response_format"] = {**call.response_format, "json_schema": {**asked, "schema": schema}}
        loop = asyncio.get_running_loop()
        answers = [await loop.run_in_executor(self._thread, self._complete, body) for _ in range(call.choices)]
        choices = [answer["choices"][0] for answer in answers]
        cut = any(choice["finish_reason"] == "length" for choice in choices)
        return ChatResult(
            texts=[choice["message"].get("content") or "" for choice in choices],
            model=self._model_name,
            finish_reason="length" if cut else "stop",
            usage=Usage(
                answers[0]["usage"]["prompt_tokens"], sum(answer["usage"]["completion_tokens"] for answer in answers)
            ),
        )

    async def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """See Engine."""
        return await self._other.embed(texts)

    async def transcribe(self, audio: bytes, prompt: str | None = None) -> Transcript:
        """See Engine."""
        return await self._other.transcribe(audio, prompt)

    async def close(self) -> None:
        """See Engine."""
        self._thread.shutdown(wait=False, cancel_futures=True)
        await self._other.close()

    def _complete(self, body: dict[str, Any]) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = self._server.handle_chat_completions(body)
        except (ValueError, RuntimeError) as error:
            raise UpstreamError(400, _refusal(str(error))) from None
        if refused := answer.get("error"):
            raise UpstreamError(int(refused.get("code", 500)), _refusal(str(refused.get("message", ""))))
        return answer


def _refusal(message: str) -> dict[str, Any]:
    return {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": None}}


def _start(path: Path) -> Any:
    if not path.is_file():
        raise EngineStartError(f"SLUICE_MODEL_GGUF names {path}, which is not a file.")
    try:
        from xllamacpp import CommonParams, Server
    except ImportError:
        raise EngineStartError(
            "SLUICE_MODEL_GGUF needs the package xllamacpp: install the extra `gguf` (pip install 'sluice[gguf]')."
        ) from None
    # A core is left for everything else: llama.cpp's threads wait for each other by spinning, and when another process
    # holds a core every token takes a hundred times longer.
    threads = max(1, (os.cpu_count() or 2) - 1)
    params = CommonParams()
    params.model.path = str(path)
    params.n_ctx = _CONTEXT_TOKENS
    params.n_parallel = 1
    params.cpuparams.n_threads = threads
    params.cpuparams_batch.n_threads = threads
    params.hostnames = ["127.0.0.1"]
    params.verbosity = 0
    try:
        return Server(params)
    except (RuntimeError, ValueError) as error:
        raise EngineStartError(f"{path} can't be loaded as a GGUF model: {error}") from None
