"""The Azure Functions app: every function is registered here, and nothing else happens."""

import azure.functions as func

from functions import dead_letters, feedback, intake

app = func.FunctionApp()
for blueprint in (intake.bp, feedback.bp, dead_letters.bp):
    app.register_functions(blueprint)
