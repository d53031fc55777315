"""Sentences that the local model hears well when eSpeak NG says them: what is then wrong was done by the seams."""

import random

_WHO = [
    "my brother",
    "the teacher",
    "our neighbor",
    "the doctor",
    "the young woman",
    "the manager",
    "my father",
    "the captain",
    "my sister",
    "the old man",
    "the student",
    "the driver",
    "the lawyer",
    "his mother",
    "the little girl",
]
_DID = [
    "noticed",
    "found",
    "lost",
    "forgot",
    "painted",
    "wanted",
    "cleaned",
    "opened",
    "closed",
    "carried",
    "described",
    "remembered",
    "repaired",
    "finished",
    "expected",
    "promised",
    "discovered",
    "received",
    "returned",
    "needed",
]
_WHAT = [
    "the new computer",
    "the yellow house",
    "the kitchen window",
    "the letter from England",
    "the morning paper",
    "the coffee machine",
    "three old books",
    "the train ticket",
    "three red apples",
    "the garden door",
    "the camera",
    "the wrong number",
    "the second chapter",
    "the green suitcase",
    "the answer to the question",
    "the key to the office",
    "the picture of the mountains",
    "the chocolate cake",
    "the end of the story",
    "the birthday present",
]
_WHEN = [
    "on Monday morning",
    "before the meeting",
    "after the concert",
    "last summer",
    "in the middle of the night",
    "three years ago",
    "during the storm",
    "at the beginning of September",
    "because it was raining",
    "without any reason",
    "when the children were asleep",
    "as soon as possible",
    "for the first time",
    "at the hospital",
    "near the station",
    "in the village",
    "in the afternoon",
    "while everybody was watching",
    "with great pleasure",
    "in the evening",
]


def sentences(count: int, seed: int) -> list[str]:
    """So many sentences; the same for the same seed."""
    rng = random.Random(seed)
    parts = ((rng.choice(_WHO), rng.choice(_DID), rng.choice(_WHAT), rng.choice(_WHEN)) for _ in range(count))
    return [f"{who[0].upper()}{who[1:]} {did} {what} {when}." for who, did, what, when in parts]
