"""The functions of the app. The library lets them be asked for once in a process."""

from functools import cache
from typing import Any

import function_app


@cache
def app_functions() -> tuple[Any, ...]:
    """All of them, as the worker indexes them."""
    return tuple(function_app.app.get_functions())
