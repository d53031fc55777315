"""The endpoints of runs. See endpoints.py."""

from shared.http_api.endpoint import Endpoint, Parameter, printable

_CURSOR = Parameter("cursor", "Where the page before ended: its `next`.")

RUNS_LIST = Endpoint(
    name="runs_list",
    method="GET",
    route="runs",
    permission="jobs:read",
    summary="Runs, by name",
    tag="runs",
    answers={200: "RunPage", 400: "Problem"},
    parameters=(
        Parameter("limit", "How many at most.", {"type": "integer", "minimum": 1, "maximum": 100, "default": 50}),
        _CURSOR,
    ),
)
RUNS_START = Endpoint(
    name="runs_start",
    method="POST",
    route="runs",
    permission="jobs:submit",
    summary="Start a run of an uploaded file: the app reads it, row by row",
    tag="runs",
    answers={202: "Run", 400: "Problem", 409: "Problem", 413: "Problem", 415: "Problem"},
    change=True,
    media="application/json",
    body="RunStart",
    parameters=(
        Parameter(
            "Idempotency-Key",
            "Names the run where its body doesn't: the same key and file are the same run, however often sent.",
            printable(256),
            where="header",
        ),
    ),
)
RUNS_GET = Endpoint(
    name="runs_get",
    method="GET",
    route="runs/{id}",
    permission="jobs:read",
    summary="One run: how far it is, how fast it goes, what failed, what it cost so far",
    tag="runs",
    answers={200: "Run", 400: "Problem", 404: "Problem"},
)
RUNS_RESULTS = Endpoint(
    name="runs_results",
    method="GET",
    route="runs/{id}/results",
    permission="jobs:read",
    summary="Rows of a run with what became of them, in the order of its file, some hundred a page; "
    "as CSV or JSON Lines some thousand, which are a file when they are put one after the other",
    tag="runs",
    answers={200: "RunRows", 400: "Problem", 404: "Problem"},
    parameters=(
        Parameter("cursor", "Where the page before ended: its `next`, or what its header Link says."),
        Parameter(
            "format",
            "csv: a table, whose first page alone has the head. jsonl: a row a line. The next page is in the header "
            "Link; without it the file is whole.",
            {"enum": ["json", "csv", "jsonl"], "default": "json"},
        ),
        Parameter("ended", "Leave out rows that haven't ended.", {"enum": ["true", "false"], "default": "false"}),
    ),
)
RUNS_ACT = Endpoint(
    name="runs_act",
    method="POST",
    route="runs/{id}/{action}",
    permission="jobs:cancel",
    summary="pause, resume or cancel a run, or retry-failed: run its failed jobs again",
    tag="runs",
    answers={202: "Run", 400: "Problem", 404: "Problem", 409: "Problem"},
    change=True,
)
