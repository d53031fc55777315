"""Checks the Bicep without Azure and without its compiler: syntax, symbols, and types by Azure's own schemas.

`python -m infra.check` evaluates main.bicep for the cases in scenarios.py, as a deployment would, and holds what comes
out against the schemas.
"""
