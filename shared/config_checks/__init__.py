"""What can be wrong with settings: rules by area, each a generator of findings. None of them raises or connects.

Only live.py, which `sluice config check --live` runs, reaches anything.
"""
