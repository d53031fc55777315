"""All HTTP functions, in one blueprint."""

from functions import http_cors as http_cors
from functions import progress as progress
from functions.http_endpoint import bp as bp
