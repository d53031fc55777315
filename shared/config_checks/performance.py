"""Numbers that contradict each other, or that jobs can't live with."""

from collections.abc import Iterator

from shared.config_checks.findings import Area, Finding, Severity
from shared.config_checks.given import Given

TPM = "OPENAI_TOKEN_LIMIT_PER_MINUTE"
RPM = "OPENAI_REQUEST_LIMIT_PER_MINUTE"
_REASONING_TPM = "REASONING_TOKEN_LIMIT_PER_MINUTE"
_CALL, _CONTEXT, _OUTPUT = "REASONING_CALL_TOKENS", "REASONING_CONTEXT_TOKENS", "REASONING_MAX_TOKENS"
_LEAST_TPM = 1_000
"""The least that Azure grants, a capacity of 1; less is nearly always thousands. One feedback call takes more."""

_ANALYSIS_TPM = 10_000
"""With less there is no room for analysing transcripts: LEAST_ANALYSIS_TPM in shared/bootstrap/kinds.py."""

_CHARS_PER_TOKEN = 4
"""Of English text (OpenAI, "What are tokens and how to count them?")."""

_FUNCTION_TIMEOUT = "host.json functionTimeout"


def performance_findings(given: Given) -> Iterator[Finding]:
    """What numbers say together."""
    yield from _quota(given)
    yield from _reasoning(given)
    yield from _durations(given)
    yield from _sizes(given)


def _quota(given: Given) -> Iterator[Finding]:
    if given.settings is None:
        return
    chat, reasoner = given.settings.chat.quota, given.settings.reasoner.quota
    pairs = [(TPM, RPM, chat)]
    if given.settings.reasoner is not given.settings.chat:
        pairs.append((_REASONING_TPM, "REASONING_REQUEST_LIMIT_PER_MINUTE", reasoner))
    for tpm, rpm, quota in pairs:
        if tpm in given.env and quota.tpm < _LEAST_TPM:
            yield _critical(
                f"{quota.tpm} tokens a minute are less than one call takes, so that every job would be refused. Azure "
                "shows capacities in thousands.",
                f"Set it to {quota.tpm * 1000} for a capacity of {quota.tpm}.",
                tpm,
            )
        elif rpm in given.env and quota.rpm > quota.tpm:
            yield _critical(
                f"{quota.rpm} requests a minute can't be made of {quota.tpm} tokens a minute.",
                f"Set it as the resource shows it: usual are 6 for each 1,000 tokens, {max(1, quota.tpm * 6 // 1000)} "
                "here.",
                rpm,
                tpm,
            )
    if _LEAST_TPM <= chat.tpm < _ANALYSIS_TPM and given.settings.transcription.openai.deployment:
        yield Finding(
            Severity.WARNING,
            Area.PERFORMANCE,
            (TPM,),
            f"below {_ANALYSIS_TPM} tokens a minute there is no room to analyse transcripts, so that such jobs fail.",
            f"Set it to {_ANALYSIS_TPM} or more.",
        )
    if chat.guard_s > chat.request_window_s:
        yield Finding(
            Severity.WARNING,
            Area.PERFORMANCE,
            ("SLUICE_QUOTA_GUARD_S", "OPENAI_REQUEST_WINDOW_S"),
            f"a guard of {chat.guard_s:g} s on a window of {chat.request_window_s:g} s leaves more than half of the "
            "requests unused.",
            "Give a window of 10, unless the endpoint was seen to count over 1 s.",
        )


def _reasoning(given: Given) -> Iterator[Finding]:
    if given.settings is None:
        return
    limits, tpm = given.settings.reasoning_limits, given.settings.reasoner.quota.tpm
    own = given.settings.reasoner is not given.settings.chat
    if limits.call_tokens > limits.context_tokens:
        yield _critical(
            f"a call of {limits.call_tokens} tokens doesn't fit into the model's context of {limits.context_tokens}.",
            f"Set it to {limits.context_tokens} at most.",
            _CALL,
            _CONTEXT,
        )
    if limits.max_tokens >= min(limits.call_tokens, limits.context_tokens):
        yield _critical(
            f"an output of {limits.max_tokens} tokens leaves no room for the input in a call of "
            f"{min(limits.call_tokens, limits.context_tokens)}.",
            "Lower it, or raise the other.",
            _OUTPUT,
            _CALL,
        )
    if _CALL in given.env and limits.call_tokens > tpm:
        yield _critical(
            f"a call of {limits.call_tokens} tokens is more than the {tpm} tokens a minute of its deployment.",
            f"Set it to {max(4_000, tpm // 2)} at most: half of a minute.",
            _CALL,
            _REASONING_TPM if own else TPM,
        )


def _durations(given: Given) -> Iterator[Finding]:
    timeout_s = given.host_s("functionTimeout")
    renewal_s = given.host_s("extensions", "serviceBus", "maxAutoLockRenewalDuration")
    if given.settings is None or timeout_s is None:
        return
    settings = given.settings
    longest = (
        ("AUDIO_FFMPEG_TIMEOUT_S", settings.media.timeout_s, "seconds", 1),
        ("SLUICE_RETENTION_MINUTES", settings.retention.minutes * 60, "minutes", 60),
        ("AZURE_OPENAI_TIMEOUT_S", settings.chat.openai.timeout_s, "seconds", 1),
        ("AZURE_OPENAI_REASONING_TIMEOUT_S", settings.reasoner.openai.timeout_s, "seconds", 1),
        ("AZURE_OPENAI_TRANSCRIPTION_TIMEOUT_S", settings.transcription.openai.timeout_s, "seconds", 1),
    )
    for name, value_s, unit, scale in longest:
        if value_s >= timeout_s:
            yield _critical(
                f"{value_s / scale:g} {unit} are no less than the function timeout of {timeout_s / scale:g} {unit}, at "
                "which the host kills the process with all that it does.",
                f"Set it below {timeout_s / scale:g}, or raise functionTimeout in host.json.",
                name,
                _FUNCTION_TIMEOUT,
            )
    if renewal_s is not None and renewal_s < timeout_s:
        yield _critical(
            f"locks are renewed for {renewal_s:g} s, but a function may run for {timeout_s:g} s: its message would be "
            "delivered again while it runs.",
            "Set extensions.serviceBus.maxAutoLockRenewalDuration to the function timeout.",
            "host.json maxAutoLockRenewalDuration",
            _FUNCTION_TIMEOUT,
        )


def _sizes(given: Given) -> Iterator[Finding]:
    if given.settings is None:
        return
    settings, logs = given.settings, given.settings.logs
    tpm = settings.chat.quota.tpm
    if tpm >= _LEAST_TPM and settings.max_text_chars / _CHARS_PER_TOKEN > tpm:
        yield Finding(
            Severity.WARNING,
            Area.PERFORMANCE,
            ("FEEDBACK_MAX_TEXT_CHARS", TPM),
            f"a text of {settings.max_text_chars} characters takes more than the {tpm} tokens a minute, so that such "
            "jobs are refused.",
            f"Set it to {tpm * _CHARS_PER_TOKEN // 2} or less.",
        )
    if settings.max_text_chars > settings.max_body_bytes:
        yield _critical(
            f"a text of {settings.max_text_chars} characters doesn't fit into {settings.max_body_bytes} bytes.",
            "Raise SLUICE_MAX_BODY_BYTES, or lower FEEDBACK_MAX_TEXT_CHARS.",
            "SLUICE_MAX_BODY_BYTES",
            "FEEDBACK_MAX_TEXT_CHARS",
        )
    if logs.rotation_bytes > logs.max_disk_bytes:
        yield _critical(
            f"one file may have {logs.rotation_bytes} bytes, but all of them together {logs.max_disk_bytes}, so that "
            "lines are dropped.",
            "Let the disk hold several files.",
            "SLUICE_LOGS_MAX_DISK_BYTES",
            "SLUICE_LOGS_ROTATION_BYTES",
        )
    media = settings.media
    if media.chunk_s > media.max_duration_s and "AUDIO_CHUNK_S" in given.env:
        yield Finding(
            Severity.WARNING,
            Area.PERFORMANCE,
            ("AUDIO_CHUNK_S", "AUDIO_MAX_DURATION_S"),
            f"no recording of {media.max_duration_s:g} s at most is ever cut into chunks of {media.chunk_s:g} s.",
            "Exchange the two where they were mixed up.",
        )


def _critical(problem: str, mend: str, *names: str) -> Finding:
    return Finding(Severity.CRITICAL, Area.PERFORMANCE, names, problem, mend)
