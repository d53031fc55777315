"""What each step's answer looks like: the schemas that are sent, and what is accepted of the answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.messages import to_json
from shared.model.strict_relaxation import is_strict, relaxed, without_asked_nulls
from shared.model.structured import parse_output, response_format_for

type Schema = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_TEXT_ANSWER: Schema = {"type": "string", "description": "the answer to the task"}


@dataclass(frozen=True, slots=True)
class AnswerFormat:
    """One step's.

    Attributes:
        response_format: what is sent.
        schema: that the answer is checked against; may demand more than the one sent.
        answer_schema: the caller's, where it is part of that.
        told: what of the caller's schema the endpoint doesn't enforce and the prompt has to say; "" for nothing.
    """

    response_format: Mapping[str, Any]
    schema: Schema
    answer_schema: Schema | None = None
    told: str = ""

    def parse(self, text: str, finish_reason: str) -> dict[str, Any]:
        """Read an answer. May take long for schemas made to: not for the event loop.

        Raises:
            InvalidOutputError: it doesn't fit.
        """
        return parse_output(text, self.schema, finish_reason, prepare=self._prepared)

    def _prepared(self, value: Any) -> Any:
        """Without the nulls that strict mode made the model write for what may be missing."""
        if self.answer_schema is None or not isinstance(value, dict) or "answer" not in value:
            return value
        return {**value, "answer": without_asked_nulls(value["answer"], self.answer_schema, self.answer_schema)}


def plan_format() -> AnswerFormat:
    """{plan: [text]}"""
    return _strict("reasoning_plan", {"plan": _list(_TEXT, "the steps, in their order")})


def notes_format(name: str, ids: Sequence[str]) -> AnswerFormat:
    """{notes: [text], quotes: [{input, quote}]}"""
    notes = _list(_TEXT, "what matters for the task, one fact each")
    return _strict(name, {"notes": notes, "quotes": _quotes(ids)})


def verdict_format() -> AnswerFormat:
    """{check, verdict: correct | wrong, problems: [text]}"""
    return _strict(
        "reasoning_verify",
        {
            "check": {"type": "string", "description": "your own answer in short, and how the given one compares"},
            "verdict": {"type": "string", "enum": ["correct", "wrong"]},
            "problems": _list(_TEXT, "what is wrong with the answer; empty where nothing is"),
        },
    )


def solution_format(name: str, ids: Sequence[str], answer_schema: Schema | None) -> AnswerFormat:
    """{reasoning, evidence: [{input, quote}] where there are inputs, answer, confidence}

    A caller's schema is sent in strict mode where it can be said so (strict_relaxation.py), otherwise without; in both
    cases the answer is checked against all of it.
    """

    def whole(answer: Schema, definitions: Schema) -> Schema:
        evidence = {"evidence": _quotes(ids)} if ids else {}
        properties = {
            "reasoning": {"type": "string", "description": "how the answer follows, in a few sentences"},
            **evidence,
            "answer": answer,
            "confidence": {"type": "number", "description": "from 0 (a guess) to 1 (certain)"},
        }
        return _object(properties) | ({"$defs": definitions} if definitions else {})

    if answer_schema is None:
        asked = whole(_TEXT_ANSWER, {})
        return AnswerFormat(response_format_for(name, asked), whole({**_TEXT_ANSWER, "minLength": 1}, {}))
    full = whole(_rooted(answer_schema), answer_schema.get("$defs", {}))
    if found := relaxed(answer_schema):
        asked = whole(found.schema, found.definitions)
        if is_strict(asked):
            told = to_json(answer_schema) if found.narrowed else ""
            return AnswerFormat(response_format_for(name, asked), full, answer_schema, told)
    loose = {"type": "json_schema", "json_schema": {"name": name, "strict": False, "schema": full}}
    return AnswerFormat(loose, full, answer_schema)


def check_answer(answer: Any, answer_schema: Schema | None) -> None:
    """Check a finished answer once more, as the caller would.

    Raises:
        InvalidOutputError: it doesn't fit.
    """
    schema = _TEXT_ANSWER if answer_schema is None else answer_schema
    wrapped = _object({"answer": _rooted(schema)}) | {"$defs": schema.get("$defs", {})}
    parse_output(to_json({"answer": answer}), wrapped)


def _rooted(schema: Schema) -> Schema:
    """Without what stays at the root."""
    return {keyword: value for keyword, value in schema.items() if keyword not in ("$defs", "$schema")}


def _strict(name: str, properties: Schema) -> AnswerFormat:
    schema = _object(properties)
    return AnswerFormat(response_format_for(name, schema), schema)


def _quotes(ids: Sequence[str]) -> Schema:
    quote = {"type": "string", "description": "a passage of that input, copied letter by letter"}
    of = {"type": "string", "enum": list(ids), "description": "the id of the input"}
    return _list(_object({"input": of, "quote": quote}), "the passages that it rests on")


def _object(properties: Schema) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _list(items: Schema, description: str) -> Schema:
    return {"type": "array", "items": items, "description": description}
