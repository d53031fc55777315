"""Embeddings: texts -> vectors, as Azure OpenAI answers them."""

import base64
import math
import struct
from collections.abc import Sequence
from typing import Any, override

from aiohttp import web

from local.model.api import Answer, ApiOperation, Asked, Charge
from local.model.azure_errors import Operation, bad_request
from local.model.deployments import Deployment
from local.model.engines.protocol import Engine
from local.model.faults import AnyFault
from local.model.requests import EmbeddingRequest, parse_embeddings
from shared.model.encodings import encoding_name, load_encoding
from shared.model.tokens import count_tokens


class EmbeddingsOperation(ApiOperation):
    """POST .../embeddings

    Vectors have 384 dimensions whatever the deployment's model would have; `dimensions` may ask for fewer.
    """

    name: Operation = "embeddings"

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @override
    async def read(self, request: web.Request) -> Asked:
        body = await request.read()
        parsed = parse_embeddings(body)
        return Asked(parsed.model or "", body.decode("utf-8"), parsed)

    @override
    def charge(self, asked: Asked, deployment: Deployment) -> Charge | None:
        texts = _texts(asked.request, deployment.model)
        return Charge(sum(count_tokens(text, deployment.model) for text in texts))

    @override
    async def answer(self, asked: Asked, deployment: Deployment, fault: AnyFault | None) -> Answer:
        request: EmbeddingRequest = asked.request
        texts = _texts(request, deployment.model)
        vectors = [_shortened(vector, request.dimensions) for vector in await self._engine.embed(texts)]
        tokens = sum(count_tokens(text, deployment.model) for text in texts)
        encoded = _base64 if request.encoding_format == "base64" else list
        data = [
            {"object": "embedding", "index": index, "embedding": encoded(vector)}
            for index, vector in enumerate(vectors)
        ]
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        return Answer({"object": "list", "data": data, "model": deployment.model, "usage": usage}, tokens)


def _texts(request: EmbeddingRequest, model: str) -> list[str]:
    """The inputs as texts; arrays of tokens are decoded by the model's own encoding."""
    inputs: Any = request.input
    if isinstance(inputs, str):
        return [inputs]
    if all(isinstance(one, str) for one in inputs):
        return list(inputs)
    arrays = [inputs] if isinstance(inputs[0], int) else inputs
    encoding = load_encoding(encoding_name(model))
    try:
        return [encoding.decode(tokens) for tokens in arrays]
    except (KeyError, OverflowError):
        raise bad_request("'$.input' is invalid. Please check the API reference.") from None


def _shortened(vector: Sequence[float], dimensions: int | None) -> Sequence[float]:
    if dimensions is None:
        return vector
    if dimensions > len(vector):
        raise bad_request(
            f"Invalid value for 'dimensions' = {dimensions}. Must be less than or equal to {len(vector)}.", "dimensions"
        )
    head = vector[:dimensions]
    norm = math.sqrt(sum(number * number for number in head)) or 1.0
    return [number / norm for number in head]


def _base64(vector: Sequence[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode("ascii")
