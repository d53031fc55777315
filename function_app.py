"""The Azure Functions app: every function is registered here, and nothing else happens."""

import azure.durable_functions as df

from functions import (
    admission,
    audio,
    dead_letters,
    feedback,
    http_cors,
    intake,
    progress,
    reasoning,
    retention,
    steps,
    token_counter,
)

app = df.DFApp()
for module in (intake, admission, token_counter, feedback, reasoning, audio, steps, dead_letters, retention):
    app.register_functions(module.bp)
for module in (progress, http_cors):
    app.register_functions(module.bp)
