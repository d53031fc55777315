"""Which blobs inputs may name."""

import pytest
from azure.storage.blob.aio import BlobServiceClient
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import InvalidMessageError
from shared.storage.input_blobs import BlobInputReader

CLOUD = "https://ours.blob.core.windows.net"
LOCAL = "http://127.0.0.1:10000/devstoreaccount1"


def reader(account: str = CLOUD, *containers: str) -> BlobInputReader:
    return BlobInputReader(BlobServiceClient(account), containers or ("reasoning-in", "more"), 1_000)


@pytest.mark.parametrize(
    ("account", "reference"),
    [
        (CLOUD, "reasoning-in/a.txt"),
        (CLOUD, "more/folder/a b.txt"),
        (CLOUD, f"{CLOUD}/reasoning-in/folder/a%20b.txt"),
        (CLOUD, "https://OURS.blob.core.windows.net/more/\u00e4.txt"),
        (LOCAL, f"{LOCAL}/reasoning-in/a.txt"),
    ],
)
def test_accepted(account: str, reference: str) -> None:
    reader(account).check(reference)


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("a.txt", "in these containers only: reasoning-in, more"),
        ("secrets/a.txt", "in these containers only"),
        ("reasoning-in", "name is empty"),
        ("reasoning-in/", "name is empty"),
        ("reasoning-in/../secrets/a", "name is empty"),
        ("reasoning-in//a", "name is empty"),
        ("reasoning-in/a\\b", "name is empty"),
        ("reasoning-in/a\nb", "name is empty"),
        ("reasoning-in/" + "a" * 1_025, "name is empty"),
        (f"{CLOUD}/reasoning-in/%2e%2e/secrets/a", "name is empty"),
        (f"{CLOUD}/secrets/a.txt", "in these containers only"),
        (f"{CLOUD}/reasoning-in%2F..%2Fsecrets/a", "name is empty"),
        (f"{CLOUD}/reasoning-in/a.txt?sv=2024&sig=secret", "no SAS"),
        (f"{CLOUD}/reasoning-in/a.txt?", "no SAS"),
        (f"{CLOUD}/reasoning-in/a.txt#x", "no SAS"),
        (f"{CLOUD}/reasoning-in/%ff", "not UTF-8"),
        ("https://theirs.blob.core.windows.net/reasoning-in/a", "own storage account only"),
        ("https://ours.blob.core.windows.net.evil.com/reasoning-in/a", "own storage account only"),
        ("https://ours.blob.core.windows.net@evil.com/reasoning-in/a", "own storage account only"),
        ("https://user@ours.blob.core.windows.net/reasoning-in/a", "own storage account only"),
        ("https://ours.blob.core.windows.net:444/reasoning-in/a", "own storage account only"),
        ("http://ours.blob.core.windows.net/reasoning-in/a", "own storage account only"),
        ("http://169.254.169.254/metadata", "own storage account only"),
        ("file:///reasoning-in/a", "own storage account only"),
        ("https://[/reasoning-in/a", "not an address"),
    ],
)
def test_refused(reference: str, words: str) -> None:
    with pytest.raises(InvalidMessageError, match=words) as caught:
        reader().check(reference)
    assert "secret" not in str(caught.value)


def test_the_local_account_is_part_of_the_path() -> None:
    with pytest.raises(InvalidMessageError, match="own storage account only"):
        reader(LOCAL).check("http://127.0.0.1:10000/otheraccount/reasoning-in/a")


@given(st.text(max_size=60) | st.text(alphabet="/.%:@?#a", max_size=30).map(lambda rest: f"{CLOUD}/reasoning-in{rest}"))
def test_any_reference_is_accepted_or_refused(reference: str) -> None:
    try:
        reader().check(reference)
    except InvalidMessageError:
        return
    assert reference.startswith((f"{CLOUD}/reasoning-in/", f"{CLOUD}/more/", "reasoning-in/", "more/"))
