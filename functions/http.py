"""All HTTP functions, in one blueprint."""

from functions import http_cors as http_cors
from functions import http_docs as http_docs
from functions import http_health as http_health
from functions import http_jobs as http_jobs
from functions import http_runs as http_runs
from functions import http_status as http_status
from functions import metrics as metrics
from functions import progress as progress
from functions.http_endpoint import bp as bp
