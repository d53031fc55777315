"""What can be wrong with an app before it runs."""


class HostError(Exception):
    """The app, its settings or its host.json can't be used. The text is for the person who starts the host."""
