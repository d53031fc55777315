"""References are read in tests/unit/storage/test_input_blobs.py; here, what the errors name."""

import pytest

from shared.errors import InvalidMessageError
from shared.storage.blob_references import BlobReference, BlobReferences

ACCOUNT = "https://ours.blob.core.windows.net"


def test_a_blob_by_its_name_and_by_its_address() -> None:
    references = BlobReferences(f"{ACCOUNT}/", ["runs-in"], "A_SETTING")
    wanted = BlobReference("runs-in", "a b/june.csv")
    assert references.find("runs-in/a b/june.csv") == wanted
    assert references.find(f"{ACCOUNT}/runs-in/a%20b/june.csv") == wanted


@pytest.mark.parametrize(
    "reference",
    ["other/a", "runs-in/", f"{ACCOUNT}/runs-in/a?sig=x", "https://x.example/runs-in/a", "x://[", "a://%ff"],
)
def test_errors_name_the_field_and_never_the_reference(reference: str) -> None:
    with pytest.raises(InvalidMessageError) as caught:
        BlobReferences(ACCOUNT, ["runs-in"], "A_SETTING").find(reference, "blob")
    assert caught.value.field == "blob"
    assert reference not in str(caught.value)


def test_a_container_that_is_not_allowed_names_the_setting() -> None:
    with pytest.raises(InvalidMessageError, match=r"runs-in, more \(A_SETTING\)"):
        BlobReferences(ACCOUNT, ["runs-in", "more"], "A_SETTING").find("sluice-payloads/a")
