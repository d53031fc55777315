"""Answers in one form each: data, pages, problems."""

from collections.abc import Mapping, Sequence
from typing import Any

from shared.errors import InvalidMessageError
from shared.http_api.errors import ResourceNotFoundError, StateConflictError
from shared.http_api.messages import Response, Trail, json_response
from shared.http_api.problems import problem_of
from shared.security.errors import AuthenticationError, ForbiddenError


class APIResponse:
    """Answers to requests that were met."""

    @staticmethod
    def success(
        data: Any = None, message: str | None = None, *, status: int = 200, headers: Mapping[str, str] | None = None
    ) -> Response:
        """Data as it is; a message for people is added to it, or put beside it where it is no object."""
        if message is not None:
            data = {**data, "message": message} if isinstance(data, dict) else {"data": data, "message": message}
        return json_response(data, status, headers)

    @staticmethod
    def paginated(
        items: Sequence[Any],
        page: int | None = None,
        limit: int | None = None,
        total: int | None = None,
        *,
        name: str = "items",
        after: str | None = None,
        next_url: str | None = None,
    ) -> Response:
        """A page of a list.

        Args:
            page, limit, total: number of the page from 1, its size, and how many items there are, where that is known.
            name: of the list.
            after: cursor of the next page; None at the end.
            next_url: the same as an address, for the header Link (RFC 8288).
        """
        facts = {"page": page, "limit": limit, "total": total}
        content = {
            name: list(items),
            "next": after,
            **{key: value for key, value in facts.items() if value is not None},
        }
        return json_response(content, headers={"Link": f'<{next_url}>; rel="next"'} if next_url else None)


class ErrorResponse:
    """Problems (RFC 9457)."""

    @staticmethod
    def of(error: Exception, trail: Trail | None = None) -> Response:
        """Of any error."""
        return problem_of(error, trail or Trail.of({}))

    @staticmethod
    def not_found(resource: str, resource_id: str, trail: Trail | None = None) -> Response:
        """There is no such thing."""
        return ErrorResponse.of(ResourceNotFoundError(resource, resource_id), trail)

    @staticmethod
    def validation_error(message: str, field: str | None = None, trail: Trail | None = None) -> Response:
        """The request isn't valid."""
        return ErrorResponse.of(InvalidMessageError(message, field=field), trail)

    @staticmethod
    def unauthorized(trail: Trail | None = None) -> Response:
        """Nobody is recognised."""
        return ErrorResponse.of(AuthenticationError(), trail)

    @staticmethod
    def forbidden(trail: Trail | None = None) -> Response:
        """The caller may not."""
        return ErrorResponse.of(ForbiddenError(), trail)

    @staticmethod
    def conflict(message: str, trail: Trail | None = None) -> Response:
        """The state of the thing doesn't allow it."""
        return ErrorResponse.of(StateConflictError(message), trail)
