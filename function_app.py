"""The Azure Functions app: every function is registered here, and the log says what is wrong with the settings."""

import azure.durable_functions as df

from functions import (
    admission,
    audio,
    audio_drop,
    dead_letters,
    feedback,
    http,
    intake,
    log_shipping,
    reasoning,
    retention,
    runs,
    steps,
    token_counter,
    webhooks,
)
from shared.config_log import log_configuration

app = df.DFApp()
for module in (
    intake,
    admission,
    token_counter,
    feedback,
    reasoning,
    audio,
    audio_drop,
    steps,
    dead_letters,
    retention,
    runs,
    log_shipping,
    http,
    webhooks,
):
    app.register_functions(module.bp)

log_configuration()
