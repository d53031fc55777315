"""The tokenizers of OpenAI's models, built from the rank files in ranks/: nothing is fetched.

tiktoken is imported with the first use, as indexing the app must stay quick. Building one takes about 0.3 s and 80 MB,
once a process.
"""

import base64
import gzip
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tiktoken import Encoding

_RANKS = Path(__file__).with_name("ranks")
DEFAULT_ENCODING = "o200k_base"


@dataclass(frozen=True, slots=True)
class EncodingSpec:
    """What tiktoken's constructor needs besides the ranks. Source: tiktoken_ext/openai_public.py (MIT, OpenAI)."""

    pattern: str
    special_tokens: dict[str, int]


SPECS = {
    "o200k_base": EncodingSpec(
        pattern="|".join(
            [
                r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
                r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
                r"\p{N}{1,3}",
                r" ?[^\s\p{L}\p{N}]+[\r\n/]*",
                r"\s*[\r\n]+",
                r"\s+(?!\S)",
                r"\s+",
            ]
        ),
        special_tokens={"<|endoftext|>": 199999, "<|endofprompt|>": 200018},
    ),
    "cl100k_base": EncodingSpec(
        pattern=(
            r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$"
            r"|\s*[\r\n]|\s+(?!\S)|\s"
        ),
        special_tokens={
            "<|endoftext|>": 100257,
            "<|fim_prefix|>": 100258,
            "<|fim_middle|>": 100259,
            "<|fim_suffix|>": 100260,
            "<|endofprompt|>": 100276,
        },
    ),
}


def encoding_name(model: str) -> str:
    """The encoding of a model.

    Args:
        model: a base model ("gpt-4o-mini"), or a deployment's name where the base model isn't known.

    Returns:
        tiktoken's own mapping where that is a tokenizer we carry; otherwise `o200k_base`, which all current models use
        (gpt-oss, in `o200k_harmony`, shares its ranks).
    """
    from tiktoken.model import encoding_name_for_model

    try:
        name = encoding_name_for_model(model)
    except KeyError:
        return DEFAULT_ENCODING
    return name if name in SPECS else DEFAULT_ENCODING


@cache
def load_encoding(name: str) -> "Encoding":
    """Build a tokenizer.

    Args:
        name: a key of SPECS.
    """
    from tiktoken import Encoding

    lines = gzip.decompress((_RANKS / f"{name}.tiktoken.gz").read_bytes()).splitlines()
    ranks = {base64.b64decode(token): int(rank) for token, rank in (line.split() for line in lines)}
    spec = SPECS[name]
    return Encoding(name, pat_str=spec.pattern, mergeable_ranks=ranks, special_tokens=spec.special_tokens)
