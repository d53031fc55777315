"""The composition root: settings become services here, and nowhere else."""

from shared.bootstrap.app import Services as Services
from shared.bootstrap.app import build as build
from shared.bootstrap.app import services as services
from shared.bootstrap.backend import Backend as Backend
from shared.bootstrap.backend import connect as connect
from shared.bootstrap.kinds import CLAIM_CHECK_CONTAINER as CLAIM_CHECK_CONTAINER
from shared.bootstrap.kinds import PAYLOAD_CONTAINER as PAYLOAD_CONTAINER
from shared.bootstrap.kinds import deployments as deployments
from shared.bootstrap.kinds import limits_of as limits_of
