"""How the things are that the app needs: a registry of checks, each with a time limit of its own."""
