"""Why a request is turned away before anything is done."""

from shared.errors import PermanentError, TransientError


class AuthenticationError(PermanentError):
    """The request needs credentials that are valid.

    Args:
        reason: for the log alone: a caller must not learn what was wrong with a credential.
    """

    code = "unauthenticated"

    def __init__(self, reason: str = "none") -> None:
        super().__init__("This needs a valid key or token.")
        self.reason = reason


class InvalidTokenError(AuthenticationError):
    """A token was given that isn't valid here."""

    code = "invalid_token"


class ForbiddenError(PermanentError):
    """The caller may not do this."""

    code = "forbidden"


class KeysUnavailableError(TransientError):
    """The keys that tokens are signed with can't be fetched."""

    code = "signing_keys_unavailable"


class AccessClosedError(TransientError):
    """Nobody is let in: the settings of access are incomplete. The log event http_closed says which."""

    code = "closed"
