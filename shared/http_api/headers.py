"""Headers that every response gets, and those for pages of other sites (CORS)."""

import math
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from shared.security.rate_limit import RateLimitResult

SECURITY: Mapping[str, str] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Strict-Transport-Security": "max-age=31536000",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""As the OWASP Secure Headers Project and its REST cheat sheet advise. A response may have others of these names."""

_EXPOSED = "Content-Disposition, ETag, Link, Location, RateLimit, RateLimit-Policy, Retry-After, X-Correlation-Id"
_ALLOWED = "Authorization, Content-Type, Idempotency-Key, If-None-Match, X-Correlation-Id, X-Functions-Key"
_METHODS = "GET, POST, PUT, DELETE"
_PREFLIGHT_S = 600


def rate_limit_headers(result: RateLimitResult) -> dict[str, str]:
    """As draft-ietf-httpapi-ratelimit-headers has them."""
    return {
        "RateLimit-Policy": f'"caller";q={result.limit};w={math.ceil(result.window_s)}',
        "RateLimit": f'"caller";r={result.remaining};t={math.ceil(result.reset_s)}',
    }


class Cors:
    """Cross-origin requests. Without origins in the settings pages of other sites can't call.

    Args:
        origins: such as "https://portal.example.com"; "*" means all.
    """

    def __init__(self, origins: Sequence[str]) -> None:
        self._origins = frozenset(origins)

    def allows(self, origin: str) -> bool:
        """Whether pages of this origin may call."""
        return bool(origin) and ("*" in self._origins or origin in self._origins)

    def headers(self, request_headers: Mapping[str, str]) -> dict[str, str]:
        """For the answer to a request. No cookies, whatever the origin: callers bring keys or tokens."""
        if not self._origins:
            return {}
        origin = request_headers.get("origin", "")
        if not self.allows(origin):
            return {"Vary": "Origin"}
        return {
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Expose-Headers": _EXPOSED,
            "Vary": "Origin",
        }

    def preflight(self, request_headers: Mapping[str, str]) -> dict[str, str]:
        """For the answer to a browser that asks beforehand."""
        headers = self.headers(request_headers)
        if "Access-Control-Allow-Origin" in headers:
            headers |= {
                "Access-Control-Allow-Headers": _ALLOWED,
                "Access-Control-Allow-Methods": _METHODS,
                "Access-Control-Max-Age": str(_PREFLIGHT_S),
            }
        return headers

    def is_cross_site(self, url: str, request_headers: Mapping[str, str]) -> bool:
        """Whether a page of another site sent a request, one that may not.

        Browsers say so in Sec-Fetch-Site (Fetch Metadata), older ones in Origin; programs send neither.
        """
        origin = request_headers.get("origin", "")
        if self.allows(origin):
            return False
        site = request_headers.get("sec-fetch-site")
        if site is not None:
            return site not in ("same-origin", "none")
        return bool(origin) and urlsplit(origin).netloc != request_headers.get("host", urlsplit(url).netloc)
