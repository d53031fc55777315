"""What the Bicep has ahead of the code. An entry that the code has caught up with makes test_consistency.py fail:
remove it then. When all are empty, so is this file's reason."""

COMING: dict[str, set[str]] = {
    "queues": {
        "audio-in",
        "audio-prepare",
        "audio-out",
        "reasoning-in",
        "reasoning-run",
        "reasoning-out",
    },
    "topics": {"sluice-events"},
    "containers": {"audio-in", "audio-out", "reasoning-in", "sluice-logs"},
    "tables": {"logindex"},
    "blob triggers": {"audio-in -> audio_dropped", "sluice-logs -> log_index"},
    "settings": {
        "AZURE_OPENAI_REASONING_DEPLOYMENT_NAME",
        "AZURE_OPENAI_REASONING_BASE_MODEL",
        "REASONING_TOKEN_LIMIT_PER_MINUTE",
        "REASONING_REQUEST_LIMIT_PER_MINUTE",
        "AZURE_OPENAI_TRANSCRIPTION_DEPLOYMENT_NAME",
        "AZURE_OPENAI_TRANSCRIPTION_BASE_MODEL",
        "TRANSCRIPTION_REQUEST_LIMIT_PER_MINUTE",
        "TRANSCRIPTION_TOKEN_LIMIT_PER_MINUTE",
        "AZURE_OPENAI_EMBEDDING_DEPLOYMENT_NAME",
    },
    "log fields": {"pump_cycle.oldest_s", "pump_cycle.deployment"},
}
