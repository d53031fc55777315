"""Which engine answers, by the command line and the environment."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from local.model.engines.protocol import Engine

EngineChoice = Literal["auto", "embedded", "instant"]

ENVIRONMENT_HELP = """\
What answers is chosen by --engine and the environment:
  (nothing)              the embedded demonstration engine: embeddings and extraction, not a language model
  SLUICE_MODEL_URL       base URL of any server with the OpenAI API, such as http://localhost:11434/v1
  SLUICE_MODEL_NAME        its name for the chat model (default: the name that the caller gives)
  SLUICE_MODEL_KEY         its API key, where it wants one
  SLUICE_MODEL_GGUF      path of a GGUF file, served by llama.cpp (needs the extra `gguf`)
Embeddings and transcriptions always come from the embedded engine."""


def select_engine(choice: EngineChoice, environ: Mapping[str, str]) -> Engine:
    """Build the engine.

    Args:
        choice: "auto" goes by the environment: SLUICE_MODEL_URL first, then SLUICE_MODEL_GGUF, then the embedded one.

    Raises:
        EngineStartError: it can't start; says what to do.
    """
    if choice == "instant":
        from local.model.engines.instant import InstantEngine

        return InstantEngine()
    from local.model.engines.embedded import EmbeddedEngine

    if choice == "auto" and (url := environ.get("SLUICE_MODEL_URL")):
        from local.model.engines.remote import RemoteEngine

        return RemoteEngine(
            url, environ.get("SLUICE_MODEL_NAME") or None, environ.get("SLUICE_MODEL_KEY") or None, EmbeddedEngine()
        )
    if choice == "auto" and (path := environ.get("SLUICE_MODEL_GGUF")):
        from local.model.engines.gguf import GgufEngine

        return GgufEngine(Path(path).expanduser(), EmbeddedEngine())
    return EmbeddedEngine()
