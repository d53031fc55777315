"""Runs that are started over HTTP, of files that were uploaded."""

import hashlib
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints

from shared.http_api.errors import StateConflictError
from shared.http_api.messages import Call
from shared.http_api.query import Query
from shared.http_api.submissions import app_of, idempotency_key
from shared.messages import Priority, decode_body
from shared.runs.control import run_name
from shared.runs.store import Run, RunStore, UnknownRunError
from shared.runs.uploads import UploadedFile, Uploads

_Name = Annotated[str, StringConstraints(min_length=1, max_length=256, pattern=r"^[^\x00-\x1f\x7f]+$")]
_Column = Annotated[str, StringConstraints(min_length=1, max_length=1_000)]


class RunStart(BaseModel):
    """A file to be made a run."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal["feedback", "reasoning", "audio"]
    blob: Annotated[str, StringConstraints(min_length=1, max_length=2_048)] = Field(
        description="container/name, or the blob's address: of the app's own storage account, in a container of "
        "SLUICE_RUN_CONTAINERS. Its name ends in .csv, .txt, .tsv, .tab, .jsonl or .ndjson."
    )
    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,60}$")] | None = Field(
        default=None, description="Of the run; the same file, read in the same way, gets the same by itself."
    )
    app: _Name | None = None
    priority: Priority = Priority.NORMAL
    map: dict[_Name, _Column] = Field(
        default={}, description="Field to column. Fields that aren't here are guessed where that is unambiguous."
    )
    fields: dict[_Name, JsonValue] = Field(default={}, description="Fields that are the same for every row.")
    encoding: Annotated[str, StringConstraints(max_length=40)] | None = Field(
        default=None, description="Such as cp1252; else what the byte order mark says, or UTF-8."
    )
    delimiter: Annotated[str, StringConstraints(min_length=1, max_length=1, pattern=r'^[^"\r\n]$')] | None = Field(
        default=None, description="Of a table; else of comma, semicolon, tab and | the one that the header has most."
    )


async def start_run(call: Call, store: RunStore, uploads: Uploads) -> Run:
    """Begin the run that a request asks for, or find that it was begun.

    Raises:
        InvalidMessageError, ForbiddenError: the request is wrong.
        DatasetError: the file is.
        StateConflictError, OtherFileError, RunEndedError: the run is another's, another file's, or was cancelled.
    """
    Query(call.request.query, ())
    key = idempotency_key(call.request.headers)
    asked = decode_body(RunStart, call.request.body)
    app = app_of(call, asked.app, "app")
    file = UploadedFile(
        kind=asked.kind,
        blob=asked.blob,
        told=asked.map,
        constants=asked.fields,
        encoding=asked.encoding,
        delimiter=asked.delimiter,
        app_id=app,
        priority=asked.priority,
    )
    spool = await uploads.look(file)
    digest = spool.digest if key is None else _digest(call, key)
    name = asked.name or run_name(spool.source, digest)
    try:
        known = await store.get(name)
    except UnknownRunError:
        pass
    else:
        if not call.who.sees(known.spool.app_id):
            raise StateConflictError(f"A run can't be called {name}: that name is taken.")
    return await uploads.begin(name, spool)


def _digest(call: Call, key: str) -> str:
    return hashlib.sha256(f"{call.who.id}\0{key}".encode("utf-8", "surrogatepass")).hexdigest()
