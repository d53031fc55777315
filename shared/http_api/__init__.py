"""The HTTP API: what is asked and answered. Knows nothing of Azure Functions; functions/http_*.py are its triggers."""
