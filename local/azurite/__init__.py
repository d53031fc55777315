"""Azurite, Microsoft's emulator of Azure Storage, made durable: see journal.cjs. `python -m local.azurite` runs it."""
