"""The Azure Functions app: every function is registered here, and nothing else happens."""

import azure.durable_functions as df

from functions import admission, dead_letters, feedback, intake, log_shipping, retention, token_counter

app = df.DFApp()
for part in (intake, admission, token_counter, feedback, dead_letters, retention, log_shipping):
    app.register_functions(part.bp)
