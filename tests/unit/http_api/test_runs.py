"""Runs over HTTP, on doubles of what is stored: who sees them, their results as pages and as pieces of a file."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.http_api import run_endpoints, run_exports
from shared.http_api.messages import Response
from shared.http_api.models import Run as RunModel
from shared.http_api.models import RunRows, RunSummary
from shared.http_api.query import ParameterError
from shared.http_api.run_exports import Place
from shared.http_api.run_overview import MOST_RUNS, newest_runs
from shared.http_api.runs import RunsApi, RunsParts
from shared.run_settings import Price, Rates
from shared.runs.parts import PartRow
from shared.runs.results import RowResult
from shared.runs.rows import Head, RunState, Spool, Upload, Wish
from shared.runs.store import Run, UnknownRunError
from shared.runs.tally import Tally
from tests.support.api_world import ApiWorld, content

AT = datetime(2026, 1, 1, tzinfo=UTC)
HEAD = ["Comment", "Stars", "result_status", "result_summary", "result_sentiment_label"]
HEAD += ["result_error", "result_reason", "result_input_tokens", "result_output_tokens"]
TALLY = Tally(6, {"succeeded": 4, "failed": 1, "pending": 1}, {"content_filtered": 1}, 2_000_000, 1_000_000)


def a_run(name: str = "june", **spool: Any) -> Run:
    told: dict[str, Any] = {"columns": ("Comment", "Stars"), "app_id": "shop", "parts": 3, "read": 7, "rejected": 1}
    head = Head(RunState.RUNNING, done=TALLY, history=[(AT.timestamp() - 50, 0), (AT.timestamp(), 5)])
    return Run(name, Spool("feedback", "june.csv", "d", AT, AT, **{**told, "sealed": True, **spool}), Wish(), head)


def rows_of(part: int) -> list[RowResult]:
    """Of three parts: a success and a formula; a rejected row; one that fails and one that waits."""
    usage = {"input_tokens": 10, "output_tokens": 2}
    succeeded = {"result": {"summary": 'Übel; "late"', "sentiment": {"label": "negative"}}, "usage": usage}
    failed = {"error": {"code": "content_filtered", "message": "-refused"}}
    return [
        [
            RowResult(PartRow(1, 2, {"Comment": "=1+1", "Stars": "5"}, {}), "succeeded", "j1", succeeded),
            RowResult(PartRow(2, 3, {"Comment": "a,b\nc", "Stars": None}, {}), "succeeded", "j2", succeeded),
        ],
        [RowResult(PartRow(3, 5, {}, None, reason="2 cells"), "rejected")],
        [
            RowResult(PartRow(4, 6, {"Comment": "@x", "Stars": "-1", "Late": "+z"}, {}), "failed", "j4", failed),
            RowResult(PartRow(5, 7, {"Comment": "d", "Stars": "1"}, {}), "pending", "j5"),
        ],
    ][part]


class Runs:
    """What is stored of runs: a RunStore, and RunResults."""

    def __init__(self, *runs: Run) -> None:
        self.all = {run.name: run for run in runs}
        self.read: list[int] = []

    async def get(self, name: str) -> Run:
        try:
            return self.all[name]
        except KeyError:
            raise UnknownRunError(name) from None

    async def newest(self, most: int) -> Sequence[str]:
        return ["gone", *self.all][:most]

    async def part(self, run: Run, part: int) -> list[RowResult]:
        self.read.append(part)
        return rows_of(part)


class World(ApiWorld):
    """With runs."""

    def __init__(self) -> None:
        super().__init__()
        self.runs: Any = Runs(a_run())
        nobody: Any = None
        self.parts = RunsParts(
            store=self.runs,
            control=nobody,
            results=self.runs,
            uploads=nobody,
            rates_of=lambda kind: Rates(Price(0.15, 0.6) if kind == "feedback" else None),
            currency="EUR",
            now_s=lambda: AT.timestamp() + 5,
            fields={"feedback": ["summary", "sentiment.label"]},
        )
        self.api = RunsApi(self.parts)

    async def results(self, query: dict[str, str] | None = None, **more: Any) -> Response:
        return await self.call(run_endpoints.RUNS_RESULTS, self.api.results, query=query, id="june", **more)

    async def whole(self, **query: str) -> list[Response]:
        """All pieces, by their links."""
        found = [await self.results(query)]
        while link := found[-1].headers.get("Link"):
            address = urlsplit(link.removeprefix("<").removesuffix('>; rel="next"'))
            assert address.path == "/api/runs/june/results"
            found.append(await self.results(dict(parse_qsl(address.query))))
        return found


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_exports, "PIECE_ROWS", 3)


def table(pieces: Sequence[Response]) -> list[list[str]]:
    data = b"".join(piece.body for piece in pieces)
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))


async def test_a_run_leads_to_its_export(world: World) -> None:
    found = content(await world.call(run_endpoints.RUNS_GET, world.api.get, id="june"))
    RunModel.model_validate(found)
    assert found["links"]["csv"] == "/api/runs/june/results?format=csv"
    assert found["links"]["jsonl"] == "/api/runs/june/results?format=jsonl"
    assert found["cost"] == pytest.approx(0.9)


async def test_rows_as_json_are_a_part_a_page(world: World) -> None:
    first = await world.results()
    RunRows.model_validate(content(first))
    assert [row["row"] for row in content(first)["rows"]] == [1, 2]
    assert (content(first)["next"], first.headers["Link"]) == (
        "1",
        '</api/runs/june/results?cursor=1>; rel="next"',
    )
    last = content(await world.results({"cursor": "2", "ended": "true"}))
    assert ([row["row"] for row in last["rows"]], last["next"]) == ([4], None)
    assert content(await world.results({"cursor": "999999"})) == {"rows": [], "next": None}


async def test_csv_is_the_table_that_the_command_writes(world: World) -> None:
    (piece,) = await world.whole(format="csv")
    assert piece.content_type == "text/csv; charset=utf-8"
    assert piece.headers["Content-Disposition"] == 'attachment; filename="june.csv"'
    assert piece.body.startswith("\ufeff".encode()), "Excel guesses otherwise"
    assert table([piece]) == [
        HEAD,
        ["'=1+1", "5", "succeeded", 'Übel; "late"', "negative", "", "", "10", "2"],
        ["a,b\nc", "", "succeeded", 'Übel; "late"', "negative", "", "", "10", "2"],
        ["", "", "rejected", "", "", "rejected", "2 cells", "", ""],
        ["'@x", "-1", "failed", "", "", "content_filtered", "'-refused", "", ""],
        ["d", "1", "pending", "", "", "", "", "", ""],
    ]


@pytest.mark.usefixtures("small_pieces")
async def test_pieces_make_the_file(world: World) -> None:
    pieces = await world.whole(format="csv", ended="true")
    assert len(pieces) == 2
    assert [row[2] for row in table(pieces)] == ["result_status", "succeeded", "succeeded", "rejected", "failed"]
    assert pieces[1].headers["Content-Disposition"] == 'attachment; filename="june-2.csv"'
    assert world.runs.read == [0, 1, 2], "each part is read once"
    lines = [json.loads(line) for piece in await world.whole(format="jsonl") for line in piece.body.splitlines()]
    assert [line["row"] for line in lines] == [1, 2, 3, 4, 5]
    assert lines[3]["input"]["Late"] == "+z"
    assert lines[3]["error"] == {"code": "content_filtered", "message": "-refused"}


@pytest.mark.usefixtures("small_pieces")
async def test_columns_that_come_later_change_no_table_that_was_begun(world: World) -> None:
    first = await world.results({"format": "csv"})
    world.runs.all["june"] = a_run(columns=("Comment", "Stars", "Late"))
    assert "cursor=2-2" in first.headers["Link"]
    last = await world.results({"format": "csv", "cursor": "2-2"})
    assert {len(row) for row in table([first, last])} == {9}


async def test_a_piece_takes_no_longer_than_callers_wait(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_exports, "PIECE_S", 0.0)
    assert len(await world.whole(format="jsonl")) == 3


async def test_what_is_asked_wrongly(world: World) -> None:
    for query in ({"format": "xlsx"}, {"cursor": "x"}, {"cursor": "1-"}, {"ended": "yes"}, {"limit": "3"}):
        assert (await world.results(query)).status == 400, query
    assert (await world.results({"format": "csv"}, apps="other")).status == 404
    assert (await world.results({"format": "csv"}, apps="shop")).status == 200


@given(st.text(max_size=12) | st.from_regex("[0-9]{1,7}(-[0-9]{1,6})?", fullmatch=True))
def test_a_cursor_is_read_or_refused(text: str) -> None:
    try:
        place = Place.read(text)
    except ParameterError:
        return
    assert 0 <= place.part <= 999_999
    assert place.columns is None or 0 <= place.columns <= 99_999


async def test_runs_of_the_status(world: World) -> None:
    cancelled = replace(a_run("may"), head=Head(RunState.CANCELLED, done=Tally(6, {"cancelled": 6})))
    reading, empty = a_run("july", sealed=False), a_run("empty", read=0, rejected=0, parts=0)
    world.runs.all |= {run.name: run for run in (cancelled, reading, replace(empty, head=Head(RunState.ENDED)))}
    june, may, july, nothing = await newest_runs(world.parts)
    for run in (june, may, july, nothing):
        RunSummary.model_validate(run)
    assert (june["run"], june["rows"], june["jobs"], june["done"], june["failed"]) == ("june", 7, 6, 5, 1)
    assert june["percent"] == 83.3, "rounded down"
    # One job is left, at one in ten seconds, of which five are over.
    assert june["ends_at"] == "2026-01-01T00:00:10+00:00"
    assert (june["cost"], june["currency"]) == (pytest.approx(0.9), "EUR")
    assert (may["state"], may["percent"], may["ends_at"]) == ("cancelled", 100.0, None)
    assert (july["percent"], july["ends_at"]) == (None, None), "nobody knows how much is to come"
    assert nothing["percent"] == 100.0


async def test_a_run_whose_file_can_not_be_read_to_its_end_has_failed(world: World) -> None:
    upload = Upload("runs-in", "june.csv", "e", 1, "table", "utf-8", error="It isn't there.")
    run = replace(a_run(sealed=False, upload=upload), head=replace(a_run().head, state=RunState.ENDED))
    world.runs.all = {run.name: run}
    found = RunModel.model_validate(content(await world.call(run_endpoints.RUNS_GET, world.api.get, id="june")))
    assert (found.state, found.error, found.ends_in_s) == ("failed", "It isn't there.", None)
    (shown,) = await newest_runs(world.parts)
    RunSummary.model_validate(shown)
    assert (shown["state"], shown["percent"]) == ("failed", 83.3), "nobody reads it any more"


async def test_only_so_many_runs_are_looked_at(world: World) -> None:
    world.runs.all = {f"r{number}": a_run(f"r{number}") for number in range(30)}
    assert len(await newest_runs(world.parts)) == MOST_RUNS - 1, "one was deleted in the meantime"
