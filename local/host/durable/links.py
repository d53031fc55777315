"""The addresses that clients are given (HttpApiHandler.GetClientResponseLinks, BindingHelper.cs)."""

import json
from dataclasses import dataclass
from urllib.parse import quote_plus

_PLACEHOLDER = "INSTANCEID"
_WITH_REASON = {
    "terminatePostUri": "terminate",
    "rewindPostUri": "rewind",
    "suspendPostUri": "suspend",
    "resumePostUri": "resume",
}


@dataclass(frozen=True, slots=True)
class Links:
    """Args:
    origin: of the host's own port, such as "http://localhost:7071".
    hub: name of the task hub.
    connection: what the extension calls the connection.
    key: system key of the webhooks.
    rpc_url: where workers reach this host; ends in "/".
    """

    origin: str
    hub: str
    connection: str
    key: str
    rpc_url: str

    def management(self, instance_id: str, origin: str | None = None) -> dict[str, str]:
        """Where an instance can be managed.

        Args:
            origin: of the request that asks; None means the host's own.
        """
        base = f"{self._base(origin)}/instances/{quote_plus(instance_id)}"
        query = f"taskHub={quote_plus(self.hub)}&connection={quote_plus(self.connection)}&code={quote_plus(self.key)}"
        return {
            "id": instance_id,
            "statusQueryGetUri": f"{base}?{query}",
            "sendEventPostUri": f"{base}/raiseEvent/{{eventName}}?{query}",
            "purgeHistoryDeleteUri": f"{base}?{query}",
            "restartPostUri": f"{base}/restart?{query}",
            **{name: f"{base}/{operation}?reason={{text}}&{query}" for name, operation in _WITH_REASON.items()},
        }

    def binding(self) -> str:
        """What a function with a durable client gets, as JSON text."""
        code = f"code={quote_plus(self.key)}"
        start = f"{self._base(None)}/orchestrators/{{functionName}}[/{{instanceId}}]"
        return json.dumps(
            {
                "taskHubName": self.hub,
                "creationUrls": {
                    "createNewInstancePostUri": f"{start}?{code}",
                    "createAndWaitOnNewInstancePostUri": (
                        f"{start}?timeout={{timeoutInSeconds}}&pollingInterval={{intervalInSeconds}}&{code}"
                    ),
                },
                "managementUrls": self.management(_PLACEHOLDER),
                "baseUrl": self._base(None),
                "requiredQueryStringParameters": code,
                "rpcBaseUrl": self.rpc_url,
                "httpBaseUrl": None,
            }
        )

    def _base(self, origin: str | None) -> str:
        return f"{origin or self.origin}/runtime/webhooks/durabletask"
