"""The aiohttp application: which path leads where."""

import logging
import random
import traceback
from collections.abc import Awaitable, Callable

from aiohttp import web

from local.model import azure_errors
from local.model.api import ApiOperation
from local.model.azure_errors import ApiError
from local.model.chat import ChatOperation
from local.model.control import Control
from local.model.deployments import Deployments
from local.model.embeddings import EmbeddingsOperation
from local.model.engines.protocol import Engine
from local.model.faults import FaultBook
from local.model.gateway import Gateway
from local.model.models import ModelsHandler
from local.model.options import Options
from local.model.stats import Stats
from local.model.transcription import MOST_BODY_BYTES, TranscriptionOperation

_LOGGER = logging.getLogger(__name__)
_PREFIXES = ("/openai/deployments/{deployment}", "/openai/v1")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def create_app(options: Options, engine: Engine) -> web.Application:
    """Build the application. It closes the engine when it ends."""
    rng = random.Random(options.seed)
    gateway = Gateway(
        deployments=Deployments(options.deployments, options.limits, rng=rng),
        faults=FaultBook(rng),
        stats=Stats(),
        latency_ms=options.latency_ms,
        rng=rng,
    )
    app = web.Application(client_max_size=MOST_BODY_BYTES, middlewares=[_as_azure_answers])
    operations: dict[str, ApiOperation] = {
        "/chat/completions": ChatOperation(engine),
        "/embeddings": EmbeddingsOperation(engine),
        "/audio/transcriptions": TranscriptionOperation(engine),
    }
    for prefix in _PREFIXES:
        for path, operation in operations.items():
            app.router.add_post(prefix + path, _through(gateway, operation))
    app.router.add_get("/openai/v1/models", ModelsHandler(gateway.deployments).handle)
    app.router.add_get("/health", _health(engine))
    Control(gateway).add_routes(app.router)

    async def close_engine(_: web.Application) -> None:
        await engine.close()

    app.on_cleanup.append(close_engine)
    return app


def _through(gateway: Gateway, operation: ApiOperation) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        return await gateway.handle(request, operation)

    return handle


def _health(engine: Engine) -> Handler:
    async def handle(_: web.Request) -> web.StreamResponse:
        return web.json_response({"status": "ok", "engine": engine.name})

    return handle


@web.middleware
async def _as_azure_answers(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turns what aiohttp and the handlers raise into Azure's JSON."""
    try:
        return await handler(request)
    except ApiError as error:
        refused = error
    except (web.HTTPNotFound, web.HTTPMethodNotAllowed):
        refused = azure_errors.resource_not_found()
    except web.HTTPRequestEntityTooLarge:
        refused = azure_errors.too_large(MOST_BODY_BYTES, request.content_length)
    except Exception as error:
        # The exception's text could hold a prompt: only its kind and place are logged.
        frame = traceback.extract_tb(error.__traceback__)[-1]
        _LOGGER.error("%s at %s:%s", type(error).__name__, frame.filename, frame.lineno)
        refused = azure_errors.status_error(500, None)
    return web.json_response(refused.body, status=refused.status, headers=refused.headers)
