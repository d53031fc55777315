"""The tokenizers are OpenAI's, to the byte."""

import gzip
import hashlib
from pathlib import Path

import pytest
import tiktoken_ext.openai_public as public

from shared.model import encodings
from shared.model.encodings import SPECS, encoding_name, load_encoding

RANKS = Path(encodings.__file__).with_name("ranks")


@pytest.mark.parametrize("name", SPECS)
def test_same_as_the_official_definition(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    expected_hashes = []

    def instead_of_downloading(url: str, expected_hash: str) -> dict[bytes, int]:
        expected_hashes.append(expected_hash)
        return {}

    monkeypatch.setattr(public, "load_tiktoken_bpe", instead_of_downloading)
    official = public.ENCODING_CONSTRUCTORS[name]()
    contents = gzip.decompress((RANKS / f"{name}.tiktoken.gz").read_bytes())
    assert hashlib.sha256(contents).hexdigest() == expected_hashes[0]
    assert SPECS[name].pattern == official["pat_str"]
    assert SPECS[name].special_tokens == official["special_tokens"]


# From the documentation and tests of tiktoken.
@pytest.mark.parametrize(
    ("name", "text", "tokens"),
    [
        ("cl100k_base", "hello world", [15339, 1917]),
        ("cl100k_base", "tiktoken is great!", [83, 1609, 5963, 374, 2294, 0]),
        ("cl100k_base", "rer", [38149]),
        ("cl100k_base", "'rer", [2351, 81]),
        ("cl100k_base", "today\n ", [31213, 198, 220]),
        ("o200k_base", "hello world", [24912, 2375]),
        ("o200k_base", "tiktoken is great!", [83, 8251, 2488, 382, 2212, 0]),
    ],
)
def test_known_tokens(name: str, text: str, tokens: list[int]) -> None:
    encoding = load_encoding(name)
    assert encoding.encode_ordinary(text) == tokens
    assert encoding.decode(tokens) == text


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("gpt-4o", "o200k_base"),
        ("gpt-4o-mini", "o200k_base"),
        ("gpt-4.1-nano", "o200k_base"),
        ("gpt-5-mini", "o200k_base"),
        ("o3-mini", "o200k_base"),
        ("gpt-4", "cl100k_base"),
        ("gpt-4-turbo", "cl100k_base"),
        ("gpt-35-turbo", "cl100k_base"),
        ("gpt-35-turbo-16k", "cl100k_base"),
        ("gpt-oss-120b", "o200k_base"),
        ("text-davinci-003", "o200k_base"),
        ("our-deployment", "o200k_base"),
        ("", "o200k_base"),
    ],
)
def test_encoding_of_models(model: str, name: str) -> None:
    assert encoding_name(model) == name
