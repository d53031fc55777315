"""Runs of files that were uploaded: the app reads them in turns, whatever happens in between."""

import csv
import io
import random
from typing import Any

import pytest

from shared.datasets.rows import DatasetError
from shared.errors import InvalidMessageError
from shared.http_api import run_endpoints
from shared.http_api.models import Problem
from shared.http_api.models import Run as RunModel
from shared.http_api.runs import RunsApi, RunsParts
from shared.run_settings import Rates
from shared.runs import reading
from shared.runs.control import OtherFileError, RunEndedError
from shared.runs.progress import progress_of
from shared.runs.rows import RunState
from shared.runs.store import Run
from shared.runs.uploads import UploadedFile
from shared.storage.blob_file import MissingBlobError
from tests.integration.runs.conftest import KilledError, World
from tests.integration.runs.test_conductor import finish
from tests.support.api_world import ApiWorld, content


def table(rows: int) -> bytes:
    """Comments, every tenth empty, some over several lines."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(["id", "Comment"])
    writer.writerows([n, "" if n % 10 == 0 else f"comment {n}\nis {'long ' * (n % 7)}"] for n in range(1, rows + 1))
    return text.getvalue().encode()


@pytest.fixture
def a_part_a_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock says that every part takes too long."""
    monkeypatch.setattr(reading, "READ_S", 0.0)
    monkeypatch.setattr(reading, "part_rows", lambda _: 50)


async def put(world: World, data: bytes, name: str | None = None) -> UploadedFile:
    """Upload a file into a container of the app's."""
    blob = name or f"{world.name}.csv"
    container = world.system.blobs.get_container_client("runs-in")
    if not await container.exists():
        await container.create_container()
    await container.upload_blob(blob, data, overwrite=True)
    return UploadedFile("feedback", f"runs-in/{blob}", app_id=world.name)


async def begin(world: World, file: UploadedFile) -> Run:
    uploads = world.system.runs.uploads
    return await uploads.begin(world.name, await uploads.look(file))


async def numbers(world: World) -> list[int]:
    return [row.row.number async for row in world.system.runs.results.rows(await world.run())]


async def test_a_file_is_read_and_its_rows_are_jobs(world: World) -> None:
    run = await begin(world, await put(world, table(200)))
    assert (run.spool.read, run.spool.mapping) == (0, {"text": "Comment", "feedback_id": "id"})
    assert {queue for queue, _ in world.sent.messages} == {"run-turns"}, "its turn is on its way"
    await finish(world)
    run = await world.run()
    assert run.head.state is RunState.ENDED
    assert (run.spool.read, run.spool.rejected, run.head.tally.states) == (200, 20, {"succeeded": 180})
    rows = [row async for row in world.system.runs.results.rows(run)]
    assert [row.row.number for row in rows] == list(range(1, 201))
    assert rows[1].row.values["Comment"].startswith("comment 2\nis long")
    assert {row.status for row in rows[9::10]} == {"rejected"}


@pytest.mark.usefixtures("a_part_a_turn")
async def test_turns_are_bounded_and_each_goes_on_where_the_one_before_ended(world: World) -> None:
    await begin(world, await put(world, table(170)))
    read = []
    while not (run := await world.turn()).spool.sealed:
        read.append(run.spool.read)
    assert read == [50, 100, 150]
    assert await numbers(world) == list(range(1, 171))
    lines = [row.row.line async for row in world.system.runs.results.rows(run)]
    text = table(170).decode().splitlines()
    assert [text[line - 1].partition(",")[0] for line in lines] == [str(n) for n in range(1, 171)]


@pytest.mark.usefixtures("a_part_a_turn")
@pytest.mark.parametrize("seed", range(3))
async def test_no_row_is_read_twice_or_left_out_whenever_the_process_is_killed(world: World, seed: int) -> None:
    dice = random.Random(seed)
    world.kill.done = bool(seed % 2)
    await begin(world, await put(world, table(230)))
    kills = 0
    for _ in range(25):
        world.kill.left = dice.randrange(12) if dice.random() < 0.8 else None
        try:
            await world.turn()
        except KilledError:
            kills += 1
    world.kill.left = None
    assert kills >= 5
    await finish(world)
    assert await numbers(world) == list(range(1, 231))
    run = await world.run()
    assert (run.spool.read, run.spool.rejected, run.head.tally.states) == (230, 23, {"succeeded": 207})


@pytest.mark.usefixtures("a_part_a_turn")
async def test_a_run_that_pauses_is_not_read_on(world: World) -> None:
    await begin(world, await put(world, table(170)))
    await world.turn()
    await world.system.runs.control.pause(world.name)
    await world.turn()
    assert (await world.turn()).spool.read == 50
    await world.system.runs.control.resume(world.name)
    await finish(world)
    assert await numbers(world) == list(range(1, 171))


@pytest.mark.usefixtures("a_part_a_turn")
async def test_a_file_that_changes_ends_the_run_and_the_same_one_goes_on(world: World) -> None:
    await begin(world, file := await put(world, table(170)))
    await world.turn()
    await put(world, table(171))
    await finish(world)
    run = await world.run()
    assert run.head.state is RunState.ENDED
    assert progress_of(run, 0.0).state is RunState.FAILED
    assert "anew, or deleted it" in str(run.spool.error)
    assert run.head.tally.states == {"succeeded": 45}, "what was read was done"
    with pytest.raises(OtherFileError):
        await begin(world, file)
    again = await begin(world, await put(world, table(170)))
    assert again.spool.error is None
    await finish(world)
    assert await numbers(world) == list(range(1, 171))
    assert progress_of(await world.run(), 0.0).state is RunState.ENDED


@pytest.mark.usefixtures("a_part_a_turn")
async def test_a_file_that_is_deleted_or_breaks_off_ends_the_run_with_a_reason(world: World) -> None:
    file = await put(world, "Comment\n".encode("utf-16") + ("good\n" * 300).encode("utf-16-le") + b"\x00\xd8a")
    await begin(world, file)
    await finish(world)
    run = await world.run()
    assert "isn't utf-16" in str(run.spool.error)
    assert run.head.tally.states == {"succeeded": 300}
    world.name += "-b"
    await begin(world, await put(world, table(20)))
    await world.system.blobs.get_blob_client("runs-in", f"{world.name}.csv").delete_blob()
    await finish(world)
    error = str((await world.run()).spool.error)
    assert f"runs-in/{world.name}.csv" in error
    assert "deleted it" in error or "There isn't" in error  # Azurite looks at If-Match first


async def test_the_same_file_is_the_same_run(world: World) -> None:
    file = await put(world, table(30))
    await begin(world, file)
    await finish(world)
    await put(world, table(30))  # another version of the blob, with the same contents
    assert (await begin(world, file)).head.state is RunState.ENDED
    await world.turn()
    assert len(await world.records()) == 27
    await put(world, table(31))
    with pytest.raises(OtherFileError):
        await begin(world, file)


async def test_a_run_that_was_cancelled_stays_so(world: World) -> None:
    file = await put(world, table(30))
    await begin(world, file)
    await world.system.runs.control.cancel(world.name)
    assert (await world.turn()).head.state is RunState.CANCELLED
    assert (await world.run()).spool.read == 0
    with pytest.raises(RunEndedError):
        await begin(world, file)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "file is empty"),
        (b"Comment\n", "no rows"),
        (b'"Comment\ngood\n', "header can't be read: a quote isn't closed"),
        (b"a,b\n1,2\n", "Which column is the text"),
        ("Comment\nsch\u00f6n\n".encode("cp1252"), r"None of the first 1 rows.*--encoding"),
        (b'Comment\n"open\n', "None of the first 1 rows can be a job. Line 2: a quote isn't closed"),
        (b"Comment,Stars\n" + b"good,five\n" * 3, "Which column|None of the first 3 rows"),
    ],
)
async def test_what_is_wrong_with_a_file_is_said_at_once(world: World, data: bytes, words: str) -> None:
    file = await put(world, data)
    if b"five" in data:
        file = UploadedFile(file.kind, file.blob, told={"rating": "Stars"})
    with pytest.raises(DatasetError, match=words):
        await world.system.runs.uploads.look(file)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"blob": "sluice-payloads/a.csv"}, r"in these containers only: runs-in \(SLUICE_RUN_CONTAINERS\)"),
        ({"blob": "https://example.com/runs-in/a.csv"}, "own storage account only"),
        ({"blob": "runs-in/a.xlsx"}, "sluice run start"),
        ({"blob": "runs-in/a.parquet"}, "sluice run start"),
        ({"blob": "runs-in/a"}, "ends in none of"),
        ({"encoding": "punycode"}, "encoding aren't read"),
        ({"encoding": "mar\x00tian"}, "encoding aren't read"),
        ({"constants": {"source": "x" * 9_000}}, "8,000 characters"),
    ],
)
async def test_what_is_asked_wrongly(world: World, told: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidMessageError, match=words):
        await world.system.runs.uploads.look(UploadedFile(**{"kind": "feedback", "blob": "runs-in/a.csv", **told}))


async def test_a_blob_that_is_not_there(world: World) -> None:
    with pytest.raises(MissingBlobError, match=r"There isn't the blob runs-in/none\.csv"):
        await world.system.runs.uploads.look(UploadedFile("feedback", "runs-in/none.csv"))


class Api(ApiWorld):
    """The HTTP API over a system."""

    def __init__(self, world: World) -> None:
        super().__init__()
        runs = world.system.runs
        self.runs = RunsApi(
            RunsParts(runs.store, runs.control, runs.results, runs.uploads, lambda _: Rates(None), "USD", lambda: 0.0)
        )

    async def start(self, body: Any, **more: Any) -> tuple[Any, Any]:
        answer = await self.call(run_endpoints.RUNS_START, self.runs.start, body=body, **more)
        return answer, content(answer)


async def test_over_http(world: World) -> None:
    file, api = await put(world, table(30)), Api(world)
    asked = {"kind": "feedback", "blob": file.blob, "name": world.name, "map": {"text": "Comment"}, "app": "shop"}
    answer, found = await api.start(asked)
    assert answer.status == 202, found
    assert answer.headers["Location"] == f"/api/runs/{world.name}"
    assert int(answer.headers["Retry-After"]) > 0
    run = RunModel.model_validate(found)
    assert (run.state, run.app_id, run.source, run.mapping["text"]) == ("running", "shop", file.blob, "Comment")
    assert (await api.start(asked))[0].status == 202, "it is the same run"
    answer, found = await api.start({**asked, "map": {"text": "id"}})
    assert (answer.status, found["code"]) == (409, "other_file")
    answer, found = await api.start(asked, apps="other")
    assert (answer.status, found["field"]) == (403, "app")
    answer, found = await api.start({**asked, "app": "other"}, apps="other")
    assert (answer.status, found["code"], "shop" in answer.body.decode()) == (409, "conflict", False)


async def test_a_name_follows_from_the_file_or_from_the_key(world: World) -> None:
    file, api = await put(world, table(30)), Api(world)
    asked = {"kind": "feedback", "blob": file.blob, "app": world.name}
    first, again, keyed, keyed_again, other_key = [
        (await api.start(asked, headers=headers))[1]["run"]
        for headers in ({}, {}, {"Idempotency-Key": "a"}, {"Idempotency-Key": "a"}, {"Idempotency-Key": "b"})
    ]
    assert first == again
    assert keyed == keyed_again
    assert len({first, keyed, other_key}) == 3
    assert all(name.startswith(world.name) for name in (first, keyed, other_key))
    answer, _ = await api.start({**asked, "priority": "low", "delimiter": ";"}, headers={"Idempotency-Key": "a"})
    assert answer.status in (400, 409)


BAD: list[tuple[Any, int, str, str | None]] = [
    (b"{", 400, "invalid_message", None),
    ({"kind": "poetry", "blob": "runs-in/a.csv"}, 400, "invalid_message", "kind"),
    ({"kind": "feedback"}, 400, "invalid_message", "blob"),
    ({"kind": "feedback", "blob": "runs-in/a.csv", "sheet": 1}, 400, "invalid_message", "sheet"),
    ({"kind": "feedback", "blob": "runs-in/a.csv", "name": "A b"}, 400, "invalid_message", "name"),
    ({"kind": "feedback", "blob": "runs-in/a.csv", "delimiter": "\n"}, 400, "invalid_message", "delimiter"),
    ({"kind": "feedback", "blob": "runs-in/nowhere.csv"}, 400, "blob_missing", "blob"),
    ({"kind": "feedback", "blob": "secrets/a.csv"}, 400, "invalid_message", "blob"),
    ({"kind": "feedback", "blob": "runs-in/a.xlsx"}, 400, "invalid_message", "blob"),
    ({"kind": "feedback", "blob": "runs-in/here.csv", "map": {"text": "no"}}, 400, "dataset", None),
    ({"kind": "feedback", "blob": "runs-in/here.csv", "map": {"mood": "id"}}, 400, "dataset", None),
    ({"kind": "feedback", "blob": "runs-in/here.csv", "fields": {"mood": 1}}, 400, "dataset", None),
]


@pytest.mark.parametrize(("body", "status", "code", "field"), BAD)
async def test_bad_requests_are_problems(world: World, body: Any, status: int, code: str, field: str | None) -> None:
    await put(world, table(3), "here.csv")
    answer, found = await Api(world).start(body)
    Problem.model_validate(found)
    assert (answer.status, found["code"]) == (status, code), found
    if field is not None:
        assert found["field"].startswith(field)
