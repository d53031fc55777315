"""The Azure Functions app: every function is registered here."""

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
