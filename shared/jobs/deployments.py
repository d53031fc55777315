"""The model deployments that the app calls, each with all that its calls go through."""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.errors import UnknownDeploymentError
from shared.jobs.booked_calls import BookedCalls
from shared.jobs.pump import Pump
from shared.jobs.quota_queue import QuotaQueue
from shared.jobs.waker import Waker
from shared.model.client import ModelService
from shared.quota.limits import Limits
from shared.storage.server_clock import ServerClock


@dataclass(frozen=True, slots=True)
class Deployment:
    """One deployment.

    Attributes:
        limits: of its quota, for its token counter.
        queue: where calls wait for quota.
        pump, waker: let them through.
        calls: makes them within their bookings.
        model: the client that makes them.
        clock: the server's.
    """

    name: str
    limits: Limits
    queue: QuotaQueue
    pump: Pump
    waker: Waker
    calls: BookedCalls
    model: ModelService
    clock: ServerClock


def deployment_of(deployments: Mapping[str, Deployment], name: str) -> Deployment:
    """One of them by its name.

    Raises:
        UnknownDeploymentError: the app has none of this name.
    """
    if name not in deployments:
        raise UnknownDeploymentError(f"This app lines up no calls for the deployment {name}.")
    return deployments[name]
