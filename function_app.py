"""The Azure Functions app: every function is registered here, and nothing else happens."""

import azure.durable_functions as df

from functions import admission, audio_drop, dead_letters, feedback, intake, retention, token_counter

app = df.DFApp()
for blueprint in (
    intake.bp,
    admission.bp,
    token_counter.bp,
    feedback.bp,
    audio_drop.bp,
    dead_letters.bp,
    retention.bp,
):
    app.register_functions(blueprint)
