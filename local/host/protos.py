"""Plain classes in place of the generated protocol buffers that the worker library expects.

No published package has the current FunctionRpc messages. The library only builds and reads attributes, so these
classes hold exactly the names that it touches (azure-functions-runtime 1.3.0); it is handed this module.
"""

from typing import Any


class _Message:
    """Holds what it is given as attributes."""

    def __init__(self, **fields: Any) -> None:
        self.__dict__.update(fields)


class TypedData(_Message):
    """A value of one kind: the one attribute that is set. None of them set is null."""

    def WhichOneof(self, group: str) -> str | None:  # noqa: N802, ARG002 - the interface of protocol buffers
        return next(iter(self.__dict__), None)


class ParameterBinding(_Message):
    name: str
    data: TypedData

    def WhichOneof(self, group: str) -> str:  # noqa: N802, ARG002 - the interface of protocol buffers
        return "data"


class Collection:
    """A collection_bytes or collection_string value: the library reads the attribute of its own kind."""

    def __init__(self, items: list[Any]) -> None:
        self.bytes = self.string = items


class ModelBindingData(_Message):
    version: str
    source: str
    content_type: str
    content: bytes


class RpcHttp(_Message):
    method: str
    url: str
    status_code: str
    headers: dict[str, str]
    params: dict[str, str]
    query: dict[str, str]
    cookies: "list[RpcHttpCookie] | None"
    body: TypedData


class RpcHttpCookie(_Message):
    name: str
    value: str
    domain: "NullableString | None"
    path: "NullableString | None"
    expires: "NullableTimestamp | None"
    secure: "NullableBool | None"
    http_only: "NullableBool | None"
    same_site: str
    max_age: "NullableDouble | None"

    class SameSite:
        """The values of same_site, as they appear in a Set-Cookie header; empty when the cookie doesn't say."""

        Lax = "lax"
        Strict = "strict"
        ExplicitNone = "none"


setattr(RpcHttpCookie.SameSite, "None", "")  # the library asks for this attribute by that name


class NullableString(_Message):
    value: str


class NullableBool(_Message):
    value: bool


class NullableDouble(_Message):
    value: float


class NullableTimestamp(_Message):
    value: Any  # google.protobuf.Timestamp


class RpcException(_Message):
    message: str
    stack_trace: str


class StatusResult(_Message):
    Failure = 0
    Success = 1
    status: int
    exception: RpcException


class BindingInfo(_Message):
    out = 1
    inout = 2
    undefined = 0


setattr(BindingInfo, "in", 0)  # a keyword can't be written as an attribute


class RpcRetryOptions(_Message):
    max_retry_count: int
    retry_strategy: str


class RpcFunctionMetadata(_Message):
    name: str
    function_id: str
    script_file: str
    raw_bindings: list[str]
    retry_options: RpcRetryOptions | None


class WorkerMetadata(_Message):
    pass


class WorkerInitResponse(_Message):
    capabilities: dict[str, str]
    result: StatusResult


class FunctionMetadataResponse(_Message):
    function_metadata_results: list[RpcFunctionMetadata] | None


class FunctionLoadResponse(_Message):
    pass


class FunctionEnvironmentReloadResponse(_Message):
    pass


class TraceContext(_Message):
    trace_parent: str
    trace_state: str
    attributes: dict[str, str]


class RetryContext(_Message):
    retry_count: int
    max_retry_count: int
    exception: RpcException | None


class InvocationRequest(_Message):
    invocation_id: str
    function_id: str
    input_data: list[ParameterBinding]
    trigger_metadata: dict[str, TypedData]
    trace_context: TraceContext
    retry_context: RetryContext


class InvocationResponse(_Message):
    result: StatusResult
    return_value: TypedData | None = None
    output_data: list[ParameterBinding] = []  # noqa: RUF012 - never changed: a failed response has none
