"""Takes secrets and bodies out of what is logged.

Three nets, one behind the other: the values of this process's own settings, whatever they look like; what stands behind
a telling name (`api-key: …`, `AccountKey=…`, `body=…`); and what has the form of a known kind of key. A secret without
a name, of no known form, that is not a setting of this process goes through: nothing can know it from an id.
"""

import re
from collections.abc import Iterable
from functools import lru_cache

REDACTED = "[redacted]"

_SENSITIVE = (
    r"(?:pass(?:word|wd|phrase)|pwd|secret|credentials?|authorization|connection[-_ ]?string"
    r"|(?:api|access|account|function|functions|master|host|primary|secondary|private|shared|sharedaccess"
    r"|subscription|storage|encryption|signing)[-_ ]?key|token|(?<![a-z])sas|signature|sharedaccesssignature)"
)
_BODY = r"(?:body|prompt|completion|transcript|payload|request_text|response_text)"

_SECRET_NAME = re.compile(rf"[\w-]{{0,40}}{_SENSITIVE}", re.IGNORECASE)
_BODY_NAME = re.compile(rf"(?:[\w-]{{0,40}}[-_])?{_BODY}|messages|content|text", re.IGNORECASE)

_HINTS = (
    *("key", "passw", "passp", "pwd", "secret", "credential", "authorization", "cookie", "connection", "code=", "sig"),
    *("token=", "token:", "token ", "token'", 'token"', "sas=", "sas:", "sas ", "sas'", 'sas"', "st=", "skoid="),
    *("bearer", "basic ", "eyj", "sk-", "-----begin", "azfu", "jqqj99", "://", "sharedkey", "sharedaccess"),
    *("body", "prompt", "completion", "transcript", "payload", "request_text", "response_text", "input_value"),
)
"""What every text has, in lower case, that any of the rules could match."""

_VALUE = r"(?:\"(?:[^\"\\]|\\.)*\"?|'(?:[^'\\]|\\.)*'?|[^\s,;&)\]}\"']+)"
_RULES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE | re.DOTALL), replacement)
    for pattern, replacement in (
        # PEM, also where its end is cut off.
        (r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----.*?(?:-----END [A-Z ]{0,30}PRIVATE KEY-----|\Z)", REDACTED),
        # A body goes on to the end of what is logged. A number is a size, not a body.
        (rf"((?<![^\W_]){_BODY}[\"']?\s{{0,3}}[=:]\s{{0,3}})(?!\d+\b).+", rf"\1{REDACTED}"),
        (r"(input_value=).*?(?=, input_type=|\Z)", rf"\1{REDACTED}"),  # pydantic quotes what it rejects
        # Headers, before names: "Authorization: Bearer x" has its secret in the second word.
        (r"\b(bearer|basic|sharedkey|sharedkeylite|sharedaccesssignature) +[\w.~+/=:&%-]{4,}", rf"\1 {REDACTED}"),
        (r"(cookie[\"']?\s{0,3}[=:]\s{0,3})[^\r\n]+", rf"\1{REDACTED}"),
        (rf"({_SENSITIVE}[\"']?\s{{0,3}}[=:]\s{{0,3}})(?!(?:bearer|basic|shared\w+) \[)(?!\[redacted){_VALUE}",
         rf"\1{REDACTED}"),
        (r"([?&;](?:sig|code|key|token|st|skoid)=)[^&\s\"'#]+", rf"\1{REDACTED}"),
        (r"(://)[^/\s:@\"']{1,200}:[^/\s@\"']{1,200}@", rf"\1{REDACTED}@"),  # https://user:password@host
        (r"\beyJ[\w-]{5,}\.[\w-]{5,}(?:\.[\w-]*)?", REDACTED),  # JSON web tokens
        (r"\bsk-[A-Za-z0-9_-]{20,}", REDACTED),  # OpenAI
        # Azure's keys with Microsoft's mark in them.
        (r"(?<![\w+/-])[\w+/-]{20,400}(?:AzFu|JQQJ99)[\w+/-]{4,200}={0,2}", REDACTED),
    )
)  # fmt: skip
# Azure's older keys: of storage (64 bytes) and Service Bus (32 bytes) in base64.
_BASE64_KEY = re.compile(r"(?<![A-Za-z0-9+/])(?:[A-Za-z0-9+/]{86}==|[A-Za-z0-9+/]{43}=)(?![A-Za-z0-9+/=])")


@lru_cache(maxsize=4096)
def _kind_of(name: str) -> int:
    """Of a field: 0 is plain, 1 an id, 2 never shown."""
    if _SECRET_NAME.fullmatch(name) or _BODY_NAME.fullmatch(name):
        return 2
    return int(name.endswith("_id"))


class Redactor:
    """Redacts texts and fields.

    Args:
        secrets: values that must not be seen, the longest first.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets = tuple(secrets)
        # Most fields have one of a few values: kinds, codes, names of apps.
        self._short = lru_cache(maxsize=4096)(self._redact)

    def text(self, text: str) -> str:
        """A text without what must not be seen."""
        return self._short(text) if len(text) <= 64 else self._redact(text)

    def field(self, name: str, text: str) -> str:
        """The same for a field's value. An id is kept as it is, unless it is one of the secrets."""
        kind = _kind_of(name)
        if kind == 2:
            return REDACTED
        return self._without_own(text) if kind else self.text(text)

    def _redact(self, text: str) -> str:
        text = self._without_own(text)
        lower = text.lower()
        for hint in _HINTS:
            if hint in lower:
                for pattern, replacement in _RULES:
                    text = pattern.sub(replacement, text)
                break
        return _BASE64_KEY.sub(REDACTED, text) if len(text) >= 44 else text

    def _without_own(self, text: str) -> str:
        for secret in self._secrets:
            if secret in text:
                text = text.replace(secret, REDACTED)
        return text
