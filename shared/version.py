"""The version of the application. The pyproject.toml says the same; it isn't deployed."""

VERSION = "0.1.0"
