"""The results of a run as a file: CSV or JSON Lines, in pieces that make the file when put one after the other.

In pieces, because an answer is held whole by the worker and by the host, and has to be there within 230 s (Microsoft,
"Azure Functions scale and hosting", function app timeout duration: the load balancer's idle timeout).
"""

import csv
import io
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from shared.http_api.messages import Response
from shared.http_api.query import ParameterError
from shared.messages import to_json
from shared.runs.results import ResultColumns, RowResult, RunResults
from shared.runs.store import Run
from shared.runs.table_cells import neutral
from shared.runs.view import whole_row

PIECE_ROWS = 5_000
PIECE_BYTES = 8_000_000
PIECE_S = 20.0
"""A piece ends with the part of the run that exceeds one of these."""
_TYPES = {"csv": "text/csv; charset=utf-8", "jsonl": "application/x-ndjson"}
_CURSOR = re.compile(r"([0-9]{1,6})(?:-([0-9]{1,5}))?")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page begins.

    Attributes:
        part: of the run.
        columns: how many of the file's columns the table has, as its first page said: while JSON Lines are read, later
            rows may bring others. None for all that are known.
    """

    part: int = 0
    columns: int | None = None

    @classmethod
    def read(cls, cursor: str | None) -> "Place":
        """Of a cursor; without one the beginning.

        Raises:
            ParameterError
        """
        if cursor is None:
            return cls()
        if (found := _CURSOR.fullmatch(cursor)) is None:
            raise ParameterError("The parameter cursor isn't one that a page came with.", field="cursor")
        return cls(int(found[1]), None if found[2] is None else int(found[2]))


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a file. `after`: cursor of the next one; None where the file ends."""

    form: str
    part: int
    data: bytes
    after: str | None

    def response(self, run: str, next_url: str | None) -> Response:
        """As an answer, to be saved by browsers."""
        number = f"-{self.part}" if self.part else ""
        headers = {"Content-Disposition": f'attachment; filename="{run}{number}.{self.form}"'}
        if next_url is not None:
            headers["Link"] = f'<{next_url}>; rel="next"'
        return Response(200, self.data, _TYPES[self.form], headers)


class RunExport:
    """Writes pieces. Memory holds one, and a part of the run.

    Args:
        fields: of results, by kind of job.
        monotonic: seconds.
    """

    def __init__(
        self,
        results: RunResults,
        fields: Mapping[str, Sequence[str]],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._results = results
        self._fields = fields
        self._monotonic = monotonic

    async def piece(self, run: Run, form: str, place: Place, *, ended: bool) -> Piece:
        """The piece that begins here.

        Args:
            form: csv or jsonl.
            ended: leave out rows that haven't ended.

        Raises:
            StorageError
        """
        begun_s = self._monotonic()
        given = list(run.spool.columns)[: place.columns]
        columns = ResultColumns(given, self._fields.get(run.spool.kind, ()))
        texts = [_table([columns.names], mark=True)] if form == "csv" and place.part == 0 else []
        part, rows, size = place.part, 0, 0
        while part < run.spool.parts:
            found = [row for row in await self._results.part(run, part) if row.final or not ended]
            text = _table(map(columns.cells, found)) if form == "csv" else _lines(found)
            texts.append(text)
            part, rows, size = part + 1, rows + len(found), size + len(text)
            if rows >= PIECE_ROWS or size >= PIECE_BYTES or self._monotonic() - begun_s >= PIECE_S:
                break
        after = None
        if part < run.spool.parts:
            after = f"{part}-{len(given)}" if form == "csv" else f"{part}"
        return Piece(form, place.part, b"".join(texts), after)


def _table(rows: Iterable[Sequence[object]], *, mark: bool = False) -> bytes:
    """Rows as CSV; with a mark at the beginning, without which Excel guesses what the bytes are."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows([neutral(cell) for cell in row] for row in rows)
    return text.getvalue().encode("utf-8-sig" if mark else "utf-8", "backslashreplace")


def _lines(rows: Iterable[RowResult]) -> bytes:
    return "".join(f"{to_json(whole_row(row))}\n" for row in rows).encode("utf-8", "backslashreplace")
