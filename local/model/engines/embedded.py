"""The demonstration engine, used by default: embeddings and extraction on the CPU, without a language model."""

import asyncio
import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from local.model.demo.material import Material
from local.model.demo.reading import Reading, Tools
from local.model.demo.rules import DemoValues
from local.model.demo.speech import SpeechToText
from local.model.demo.task_values import TaskValues
from local.model.demo.texts import content_text, user_text
from local.model.engines.protocol import ChatCall, ChatResult, Transcript
from local.model.schema_filler import fill

MODEL_NAME = "sluice-demo-engine (not a language model)"
_EMPTY_ANSWER = "There is no text to answer from."


class EmbeddedEngine:
    """Implements Engine.

    Answers in threads: the embedding engine and Whisper release Python's lock while they compute.
    """

    name = "embedded"

    def __init__(self) -> None:
        self._tools = Tools.load()
        self._threads = ThreadPoolExecutor(os.cpu_count() or 2, thread_name_prefix="engine")
        # Speech has its own thread: a long recording must not hold up chat answers.
        self._speech_thread = ThreadPoolExecutor(1, thread_name_prefix="speech")
        self._speech: SpeechToText | None = None

    async def chat(self, call: ChatCall) -> ChatResult:
        """See Engine. All choices are equal: the engine has no temperature."""
        text = await asyncio.get_running_loop().run_in_executor(self._threads, self._answer, call)
        return ChatResult(texts=[_stopped(text, call.stop)] * call.choices, model=MODEL_NAME)

    async def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """See Engine. 384 dimensions (multilingual-e5-small)."""
        vectors = await asyncio.get_running_loop().run_in_executor(self._threads, self._tools.embedder.embed, texts)
        return [[float(number) for number in row] for row in vectors]

    async def transcribe(self, audio: bytes, prompt: str | None = None) -> Transcript:
        """See Engine. English only."""
        return await asyncio.get_running_loop().run_in_executor(self._speech_thread, self._transcribe, audio, prompt)

    async def close(self) -> None:
        """See Engine."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._speech_thread.shutdown(wait=False, cancel_futures=True)

    def _transcribe(self, audio: bytes, prompt: str | None) -> Transcript:
        if self._speech is None:
            self._speech = SpeechToText()
        return self._speech.transcribe(audio, prompt)

    def _answer(self, call: ChatCall) -> str:
        reading = Reading(user_text(call.messages), self._tools)
        kind = (call.response_format or {}).get("type", "text")
        if call.response_format and kind == "json_schema":
            schema = call.response_format["json_schema"].get("schema", {})
            material, instructions = Material.of(call.messages), _instructions(call)
            task = TaskValues(material, instructions, self._tools) if material else None
            values = task or DemoValues(reading, instructions)
            return json.dumps(fill(schema, values), ensure_ascii=False)
        answer = _extracted(reading, call)
        return json.dumps({"answer": answer}, ensure_ascii=False) if kind == "json_object" else answer


def _instructions(call: ChatCall) -> str:
    roles = {"system", "developer"}
    return "\n".join(content_text(message.get("content")) for message in call.messages if message["role"] in roles)


def _extracted(reading: Reading, call: ChatCall) -> str:
    """The sentence that answers best: to the text's own last question, else to the words around the fenced text."""
    *before, last = reading.sentences or [""]
    if before and last.endswith(("?", "\uff1f")):
        return Reading(" ".join(before), reading.tools).closest(last)
    users = [content_text(message.get("content")) for message in call.messages if message["role"] == "user"]
    question = users[-1].replace(reading.text, "").strip() if users else ""
    return (reading.closest(question[:500]) if question else reading.summary) or _EMPTY_ANSWER


def _stopped(text: str, stops: Sequence[str]) -> str:
    ends = [position for stop in stops if (position := text.find(stop)) >= 0]
    return text[: min(ends)] if ends else text
