"""The forms of requests and answers, for the OpenAPI document. Tests hold them against what is really answered."""

from shared.http_api.failures import Replay as Replay
from shared.http_api.models.jobs import AcceptedBatch as AcceptedBatch
from shared.http_api.models.jobs import ErrorPage as ErrorPage
from shared.http_api.models.jobs import Job as Job
from shared.http_api.models.jobs import JobPage as JobPage
from shared.http_api.models.jobs import Problem as Problem
from shared.http_api.models.jobs import Progress as Progress
from shared.http_api.models.jobs import Replayed as Replayed
from shared.http_api.models.runs import Run as Run
from shared.http_api.models.runs import RunPage as RunPage
from shared.http_api.models.runs import RunRows as RunRows
from shared.http_api.models.runs import RunSummary as RunSummary
from shared.http_api.models.status import Health as Health
from shared.http_api.models.status import Live as Live
from shared.http_api.models.status import ReplayForm as ReplayForm
from shared.http_api.models.status import Status as Status
from shared.http_api.models.tokens import LimitsAnswer as LimitsAnswer
from shared.http_api.models.tokens import LimitsRequest as LimitsRequest
from shared.http_api.models.tokens import LockAnswer as LockAnswer
from shared.http_api.models.tokens import LockRequest as LockRequest
from shared.http_api.models.tokens import ReleaseAnswer as ReleaseAnswer
from shared.http_api.models.tokens import ReleaseRequest as ReleaseRequest
from shared.http_api.models.tokens import ReportAnswer as ReportAnswer
from shared.http_api.models.tokens import ReportRequest as ReportRequest
from shared.http_api.models.tokens import TokenStatus as TokenStatus
from shared.http_api.run_starts import RunStart as RunStart
from shared.http_api.submissions import BatchItem as BatchItem
from shared.messages import Outcome as Outcome

MEDIA_TYPES = {
    "Problem": "application/problem+json",
    "HTML": "text/html",
    "Metrics": "text/plain",
    "Live": "application/health+json",
    "Health": "application/health+json",
}
TEXTS = {"RunRows": ("text/csv", "application/x-ndjson")}
"""The forms of text that an answer may have instead."""
