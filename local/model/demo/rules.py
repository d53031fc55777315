"""What the demonstration engine writes into a property: a table of name patterns, and what follows from the type.

Read the tables from the top: the first pattern that is found in the property's name decides; for names that say nothing
by themselves ("label", "score", "text", ...) the name of the object around them counts too. Where none fits:

    enum     the value nearest in meaning, by its name and by "value: text" lines in the schema or the prompt
    string   the sentence nearest in meaning to the property's name and description
    number   the first number of the text that the schema allows; else the lower bound, or 0
    boolean  whether a sentence is close in meaning to the property's name and description
    array    of enum values: up to 3 nearest ones; else one element for each of up to 3 telling sentences
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from local.model.demo.choices import explanations_in
from local.model.demo.language import DEFAULT_LANGUAGE, LANGUAGES
from local.model.demo.reading import SUMMARY_CHARS, Reading
from local.model.demo.space import DATA
from local.model.demo.texts import shortened
from local.model.schema_filler import Field
from local.model.schema_numbers import NumberRange

_SENTIMENT_LABELS = {"positive", "negative", "neutral", "mixed"}
_URGENCY_LEVELS = ({"low"}, {"medium", "normal", "moderate"}, {"high", "urgent", "critical"})
# The names that ask for keywords when they are arrays of free strings.
_KEYWORDS = re.compile(r"tag|keyword|topic|term|entit|theme|subject", re.IGNORECASE)
_RANGE_IN_WORDS = re.compile(r"(-?\d+(?:\.\d+)?)\b[^\d-]{0,40}?\s*(?:to|and|\.\.+|\u2013|through)\s*(-?\d+(?:\.\d+)?)")
_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?![\w])")
_SAYS_NOTHING = {"", "label", "value", "text", "content", "score", "level", "code", "name"}
_MOST_CHOICES = 3
_MOST_KEYWORDS = 5
# Cosine of centred embeddings from which two sentences say about the same.
_SAME_MEANING = 0.3
_URGENT_BELOW = -0.7


@cache
def _actions() -> list[dict[str, Any]]:
    loaded: list[dict[str, Any]] = json.loads((DATA / "suggested_actions.json").read_text(encoding="utf-8"))
    return loaded


def _suggested_action(reading: Reading, _: Field) -> str:
    """One of the sentences in data/suggested_actions.json, in the language of the text where there is one."""
    actions = {action["name"]: action for action in _actions()}
    pleased = reading.sentiment.label == "positive"
    names = ["praise", "wish"] if pleased else [name for name in actions if name != "praise"]
    about = {name: actions[name]["about"] for name in names}
    text: dict[str, str] = actions[reading.tools.chooser.nearest(reading.vectors, names, about)[0]]["text"]
    return text.get(reading.language, text[DEFAULT_LANGUAGE])


def _language(reading: Reading, field: Field) -> str:
    by_name = "name" in field.description.lower()
    return LANGUAGES[reading.language] if by_name else reading.language


def _found(pattern: str) -> Callable[[Reading, Field], str]:
    compiled = re.compile(pattern)

    def find(reading: Reading, _: Field) -> str:
        match = compiled.search(reading.text)
        return match.group() if match else ""

    return find


TEXT_RULES: Sequence[tuple[str, Callable[[Reading, Field], str]]] = (
    (r"^(lang|language|locale|detected_language)", _language),
    (r"action|recommendation|next_?step|advice", _suggested_action),
    (r"sentiment|tone|mood|feeling", lambda reading, _: reading.sentiment.label),
    (r"title|headline|subject", lambda reading, _: shortened(reading.summary, 60)),
    (r"summary|abstract|gist|overview", lambda reading, _: reading.summary),
    (r"e_?mail", _found(r"(?<![\w.+-])[\w.+-]+@[\w-]+\.[\w.-]*\w")),
    (r"url|link|website", _found(r"https?://\S+")),
    (r"(^|_)date", _found(r"\d{4}-\d{2}-\d{2}|\d{1,2}[./]\d{1,2}[./]\d{2,4}")),
    (r"(^|_)(id|number|no)$", _found(r"\b(?=\w*\d)[\w-]{4,}\b")),
)


def _positivity(reading: Reading) -> float:
    return (reading.sentiment.score + 1) / 2


# Each gives a share of the range, 0 to 1; without a range in the schema or its description, the one given here holds.
NUMBER_RULES: Sequence[tuple[str, Callable[[Reading], float], tuple[float, float]]] = (
    (r"confidence|probability|certainty", lambda reading: 0.5 + abs(reading.sentiment.score) / 2, (0.0, 1.0)),
    (r"urgency|priority|severity|risk", lambda reading: 1 - _positivity(reading), (0.0, 1.0)),
    (r"rating|stars|satisfaction|nps", _positivity, (1.0, 5.0)),
    (r"score|sentiment|polarity", _positivity, (-1.0, 1.0)),
)

BOOLEAN_RULES: Sequence[tuple[str, Callable[[Reading], bool]]] = (
    (r"recommend|satisf|happy|positive|resolved", lambda reading: reading.sentiment.score > 0),
    (r"complain|negative|unhappy|follow_?up|urgent|escalat|churn", lambda reading: reading.sentiment.score < 0),
)


class DemoValues:
    """Implements `Values` (see schema_filler) for one text.

    Args:
        instructions: the prompt around the text, which may explain what enum values stand for.
    """

    def __init__(self, reading: Reading, instructions: str) -> None:
        self._reading = reading
        self._instructions = instructions

    def text(self, field: Field, limit: int | None) -> str:
        rule = _first(TEXT_RULES, field)
        found = rule[1](self._reading, field) if rule else self._reading.closest(_asked(field))
        return shortened(found, min(limit or SUMMARY_CHARS, SUMMARY_CHARS)) if len(found) > SUMMARY_CHARS else found

    def number(self, field: Field, allowed: NumberRange) -> float:
        if rule := _first(NUMBER_RULES, field):
            _, share, default = rule
            low, high = (allowed.low, allowed.high) if allowed.bounded else _range_in(field.description) or default
            return low + share(self._reading) * (high - low)
        numbers = (float(number) for number in _NUMBER.findall(self._reading.text))
        return next((n for n in numbers if allowed.low <= n <= allowed.high), max(allowed.low, 0.0))

    def boolean(self, field: Field) -> bool:
        if rule := _first(BOOLEAN_RULES, field):
            return rule[1](self._reading)
        return self._reading.likeness(_asked(field)) >= _SAME_MEANING

    def choose(self, field: Field, options: Sequence[Any], most: int) -> list[Any]:
        named = {str(option): option for option in options}
        if _SENTIMENT_LABELS.issuperset(name.lower() for name in named):
            return [self._sentiment(named)]
        if re.search("urgency|priority|severity", field.name) and (level := self._urgency(named)) is not None:
            return [level]
        if re.search("lang", field.name) and self._reading.language in named:
            return [named[self._reading.language]]
        explained = self._explained(field.description, tuple(named))
        chooser = self._reading.tools.chooser
        return [named[name] for name in chooser.nearest(self._reading.vectors, list(named), explained, min(most, 3))]

    def count(self, field: Field, least: int, most: int) -> int:
        telling = _MOST_KEYWORDS if _KEYWORDS.search(field.name) else _MOST_CHOICES
        found = min(telling, len(self._elements(field)))
        return max(least, min(most, found))

    def element(self, field: Field, index: int) -> "DemoValues":  # noqa: ARG002 - any array is about the same text
        return _ElementValues(self._reading, self._instructions, index)

    def _elements(self, field: Field) -> Sequence[Any]:
        return self._reading.keywords(_MOST_KEYWORDS) if _KEYWORDS.search(field.name) else self._reading.ranking

    def _explained(self, description: str, options: Sequence[str]) -> Mapping[str, str]:
        return explanations_in(self._instructions, options) | explanations_in(description, options)

    def _sentiment(self, named: Mapping[str, Any]) -> Any:
        sentiment = self._reading.sentiment
        clear = "positive" if sentiment.score > 0 else "negative"
        by_name = {name.lower(): value for name, value in named.items()}
        wanted = (sentiment.label, clear, "neutral")
        return next((by_name[label] for label in wanted if label in by_name), next(iter(named.values())))

    def _urgency(self, named: Mapping[str, Any]) -> Any:
        score = self._reading.sentiment.score
        level = 2 if score < _URGENT_BELOW else 1 if score < 0 else 0
        return next((value for name, value in named.items() if name.lower() in _URGENCY_LEVELS[level]), None)


class _ElementValues(DemoValues):
    """For one element of an array: a keyword, a telling sentence, or an object about that sentence."""

    def __init__(self, reading: Reading, instructions: str, index: int) -> None:
        super().__init__(reading.part(index), instructions)
        self._whole = reading
        self._index = index

    def text(self, field: Field, limit: int | None) -> str:
        if _KEYWORDS.search(field.name):
            words = self._whole.keywords(_MOST_KEYWORDS)
            return words[self._index % len(words)] if words else ""
        return super().text(field, limit)


def _first[Rule: tuple[Any, ...]](rules: Sequence[Rule], field: Field) -> Rule | None:
    names = (field.name, field.parent) if field.name.lower() in _SAYS_NOTHING else (field.name,)
    for name in names:
        for rule in rules:
            if name and re.search(rule[0], name, re.IGNORECASE):
                return rule
    return None


def _asked(field: Field) -> str:
    name = re.sub(r"[\W_]+", " ", field.name).strip()
    return f"{name}: {field.description}" if field.description else name or "summary"


def _range_in(description: str) -> tuple[float, float] | None:
    """The range that a description names, such as "from -1 (very negative) to 1 (very positive)"."""
    match = _RANGE_IN_WORDS.search(description)
    return (float(match[1]), float(match[2])) if match and float(match[1]) < float(match[2]) else None
