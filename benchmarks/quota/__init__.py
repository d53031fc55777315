"""Quota admission simulated in virtual time: ours beside the algorithms that others use, against one emulated endpoint.

`scenario.py` says what is simulated, `world.py` holds its parts, `engine.py` runs an algorithm in it and measures.
"""
