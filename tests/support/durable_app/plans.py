"""An orchestration that does what its input says, for random tests."""

import azure.durable_functions as df

blueprint = df.Blueprint()
