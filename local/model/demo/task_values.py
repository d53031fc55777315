"""What the demonstration engine writes into the answer to a task: passages of the sources, copied.

an id (by name or description)   the source's
quote, excerpt, passage          a sentence of it, unchanged
reasoning, check, explanation    how the answer came to be: by similarity
verdict of an answer             whether its quotes and its words are in the sources; problems, what isn't
an array                         one element a sentence where it is of quotes, notes or facts; else one a source
anything else                    as for any text (rules.py), but texts are nearest to the task as well
"""

import re
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from local.model.demo.judging import unsupported
from local.model.demo.material import Material
from local.model.demo.passages import Passage, Passages
from local.model.demo.reading import Reading, Tools
from local.model.demo.rules import TEXT_RULES, DemoValues
from local.model.demo.texts import shortened
from local.model.schema_filler import Field
from local.model.schema_numbers import NumberRange

_IDS = re.compile(r"(?:^|_)(?:id|input|source|document)s?$", re.I)
_OF_PASSAGES = re.compile(r"evidence|quote|excerpt|passage|citation|notes?$|facts?$|finding", re.I)
_EXPLAINING = re.compile(r"reasoning|rationale|explanation|^check$", re.I)
_ANSWER = re.compile(r"^(?:answer|result|response|text)$", re.I)
_PROBLEMS = re.compile(r"problem|issue|error|mistake", re.I)
_SURE = re.compile(r"confidence|probability|certainty", re.I)
_GOOD = {"correct", "right", "ok", "okay", "pass", "passed", "accept", "accepted", "valid", "supported", "true", "yes"}
_MOST_ELEMENTS = 5
_MOST_SENTENCES = 2
_LONGEST_TEXT_CHARS = 500


class TaskValues(DemoValues):
    """Implements `Values` (see schema_filler) for a task."""

    def __init__(self, material: Material, instructions: str, tools: Tools) -> None:
        quotable = [source for source in material.sources if source.name] or list(material.sources)
        text = "\n".join(source.text for source in quotable) or material.asked
        super().__init__(Reading(text, tools), instructions)
        self._material = material
        self._passages = Passages(quotable, material.asked, tools)

    @cached_property
    def _wrong(self) -> list[str]:
        """What is wrong with the answer that is to be judged."""
        judged = self._material.judged
        return [] if judged is None else unsupported(judged, self._material.sources)

    def text(self, field: Field, limit: int | None) -> str:
        if _EXPLAINING.search(field.name):
            return self._explanation()[:limit]
        if _ANSWER.search(field.name) and self._passages.ranked:
            best = sorted(self._passages.related[:_MOST_SENTENCES], key=lambda passage: passage.place)
            return shortened(" ".join(passage.text for passage in best), limit or _LONGEST_TEXT_CHARS)
        return super().text(field, limit)

    def number(self, field: Field, allowed: NumberRange) -> float:
        if not _SURE.search(field.name):
            return super().number(field, allowed)
        best = max(0.0, self._passages.ranked[0].score) if self._passages.ranked else 0.0
        share = min(0.9, 0.5 + best / 2)
        return allowed.scaled(share) if allowed.bounded else share

    def choose(self, field: Field, options: Sequence[Any], most: int) -> list[Any]:
        judging = self._material.judged is not None
        good = [option for option in options if str(option).lower() in _GOOD]
        if judging and good and len(options) > len(good):
            bad = [option for option in options if option not in good]
            return [(bad if self._wrong else good)[0]]
        named = [source.name for source in self._passages.related_sources if source.name in options]
        return named[:most] if named else super().choose(field, options, most)

    def count(self, field: Field, least: int, most: int) -> int:
        if self._material.judged is not None and _PROBLEMS.search(field.name):
            return max(least, min(most, len(self._wrong)))
        if not self._passages.ranked:
            return super().count(field, least, most)
        return max(least, min(most, _MOST_ELEMENTS, len(self._subjects(field))))

    def element(self, field: Field, index: int) -> DemoValues:
        if self._material.judged is not None and _PROBLEMS.search(field.name) and self._wrong:
            return _Problem(self._reading, self._instructions, self._wrong[index % len(self._wrong)])
        if not self._passages.ranked:
            return super().element(field, index)
        subjects = self._subjects(field)
        return _Element(self._passages, subjects[index % len(subjects)], self._instructions, field)

    def _subjects(self, field: Field) -> Sequence[Passage]:
        """What the elements of an array are about: passages, or for each source its best one."""
        related = self._passages.related
        best = {passage.place[0]: passage for passage in reversed(related)}
        if _OF_PASSAGES.search(field.name) or len(best) < 2:
            return related
        return [best[place] for place in sorted(best)]

    def _explanation(self) -> str:
        if self._material.judged is not None:
            return "Looked up which texts of the answer are in the sources; nothing was understood."
        return "Copied the passages nearest in meaning to the task; nothing was understood."


class _Element(DemoValues):
    """About one passage, or the source that it is from.

    Args:
        array: the field of the array.
    """

    def __init__(self, passages: Passages, passage: Passage, instructions: str, array: Field) -> None:
        super().__init__(Reading(passage.source.text, passages.tools), instructions)
        self._passages = passages
        self._passage = passage
        self._array = array

    def text(self, field: Field, limit: int | None) -> str:
        source = self._passage.source
        if source.name and _is_id(field):
            return source.name
        if _OF_PASSAGES.search(field.name) or field.name == self._array.name:
            return self._passage.text[:limit]
        if any(re.search(pattern, field.name, re.IGNORECASE) for pattern, _ in TEXT_RULES):
            return super().text(field, limit)
        return self._passages.closest(source, field.description or field.name)[:limit]

    def choose(self, field: Field, options: Sequence[Any], most: int) -> list[Any]:
        name = self._passage.source.name
        return [name] if name in options else super().choose(field, options, most)


class _Problem(DemoValues):
    """What is wrong with an answer."""

    def __init__(self, reading: Reading, instructions: str, wrong: str) -> None:
        super().__init__(reading, instructions)
        self._wrong = wrong

    def text(self, field: Field, limit: int | None) -> str:  # noqa: ARG002 - all texts of a problem name it
        return f"The sources don't say: {shortened(self._wrong, 200)}"[:limit]


def _is_id(field: Field) -> bool:
    return _IDS.search(field.name) is not None or re.search(r"\bids?\b", field.description) is not None
