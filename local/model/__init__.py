"""A stand-in for Azure OpenAI on one machine: the same paths, errors, headers and rate limits.

Start it with `python -m local.model --port 8090`; `--help` lists everything. A way through the code:

    __main__.py options.py   the command line
    server.py                the aiohttp application: which path leads where
    gateway.py               what every call passes: identity, deployment, faults, limits, statistics
    chat.py embeddings.py transcription.py models.py   one API operation each
    requests.py strict_schema.py   what a valid request is
    limits.py deployments.py       token and request limits (pure), and one limiter per deployment
    faults.py stats.py control.py  injected faults, statistics, the control endpoint
    engines/                       what answers: the demonstration engine, a GGUF file, another server
    demo/                          the parts of the demonstration engine
"""
