import pytest

from shared.datasets.rows import DatasetError
from shared.runs.mapping import map_columns


def test_columns_are_guessed_by_their_names() -> None:
    mapping, guessed = map_columns("feedback", ["ID", "Comment", "Stars", "Region"], {}, {})
    assert mapping.columns == {"text": "Comment", "feedback_id": "ID", "rating": "Stars"}
    assert guessed == ["text", "feedback_id", "rating"]


def test_the_name_of_the_field_itself_comes_before_others() -> None:
    mapping, _ = map_columns("feedback", ["Comment", "text"], {}, {})
    assert mapping.columns["text"] == "text"


def test_two_columns_that_would_do_are_not_guessed_between() -> None:
    with pytest.raises(DatasetError, match="--map text=COLUMN"):
        map_columns("feedback", ["Comment", "Review"], {}, {})
    mapping, guessed = map_columns("feedback", ["text", "Stars", "score"], {}, {})
    assert "rating" not in mapping.columns
    assert guessed == ["text"]


def test_what_is_told_is_taken() -> None:
    mapping, guessed = map_columns("feedback", ["a", "b", "text"], {"text": "a", "rating": "b"}, {"language": "de"})
    assert mapping.columns == {"text": "a", "rating": "b"}
    assert guessed == []
    assert mapping.body("feedback", {"a": 12, "b": "4"}) == {"text": "12", "rating": "4", "language": "de"}


def test_columns_whose_values_are_no_such_field_are_not_guessed() -> None:
    rows = [{"text": "x", "Date": "31.12.2025", "Score": "good"}]
    mapping, _ = map_columns("feedback", ["text", "Date", "Score"], {}, {}, rows)
    assert mapping.columns == {"text": "text"}
    mapping, _ = map_columns("feedback", ["text", "Date"], {}, {}, [{"text": "x", "Date": "2025-12-31"}])
    assert mapping.columns == {"text": "text", "created_at": "Date"}


@pytest.mark.parametrize(
    ("told", "match"), [({"text": "Kommentar"}, "no column 'Kommentar'"), ({"colour": "a"}, "no field colour")]
)
def test_what_is_not_there_is_named(told: dict[str, str], match: str) -> None:
    with pytest.raises(DatasetError, match=match):
        map_columns("feedback", ["a"], told, {})


def test_empty_cells_are_no_fields() -> None:
    mapping, _ = map_columns("feedback", ["text", "rating"], {}, {})
    assert mapping.body("feedback", {"text": "x", "rating": " "}) == {"text": "x"}
