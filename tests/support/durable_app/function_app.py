"""An app that uses every part of Durable Functions, for the tests of the local host."""

import azure.durable_functions as df
import azure.functions as func
from activities import blueprint as activities
from clients import blueprint as clients
from entities import blueprint as entities
from orchestrations import blueprint as orchestrations
from plans import blueprint as plans

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)
for blueprint in (activities, clients, entities, orchestrations, plans):
    app.register_functions(blueprint)
