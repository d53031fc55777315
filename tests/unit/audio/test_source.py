"""Which recordings may be read: hostile addresses, and whatever else anybody may send."""

from urllib.parse import quote, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from yarl import URL

from shared.audio.source import AudioNotAllowedError, AudioSources, BlobSource, WebSource
from shared.errors import ConfigurationError

CLOUD = "https://acct.blob.core.windows.net"
LOCAL = "http://127.0.0.1:10000/devstoreaccount1"
SECRET = "sig=s3cret"
RULES = AudioSources(CLOUD, ["audio-in", "calls"], ["files.example.com"], reserved=["sluice-payloads"])
LOCAL_RULES = AudioSources(f"{LOCAL}/", ["audio-in"])


@pytest.mark.parametrize(
    ("reference", "container", "name"),
    [
        ("audio-in/a.mp3", "audio-in", "a.mp3"),
        ("calls/2026/11/caf\u00e9 1.wav", "calls", "2026/11/caf\u00e9 1.wav"),
        ("audio-in/100%25.mp3", "audio-in", "100%25.mp3"),  # no address, so not escaped
        ("audio-in/a?b#c:d.mp3", "audio-in", "a?b#c:d.mp3"),
        ("audio-in/http://x/y", None, None),  # an empty part
        (f"{CLOUD}/audio-in/a%20b%23.mp3", "audio-in", "a b#.mp3"),
        (f"{CLOUD}/audio-in/a%2Fb.mp3", "audio-in", "a/b.mp3"),  # the same blob to Azure
        (f"{CLOUD}/audio-in/%252e%252e.mp3", "audio-in", "%2e%2e.mp3"),  # unescaped once
        ("HTTPS://ACCT.blob.core.windows.net/audio-in/A.mp3", "audio-in", "A.mp3"),
    ],
)
def test_blobs_of_the_own_account(reference: str, container: str | None, name: str | None) -> None:
    if container is None or name is None:
        with pytest.raises(AudioNotAllowedError):
            RULES.find(reference)
        return
    assert RULES.find(reference) == BlobSource(container, name)


def test_blobs_of_the_local_account() -> None:
    assert LOCAL_RULES.find(f"{LOCAL}/audio-in/a%20b.mp3") == BlobSource("audio-in", "a b.mp3")
    assert LOCAL_RULES.find("audio-in/a.mp3") == BlobSource("audio-in", "a.mp3")


def test_files_on_allowed_hosts() -> None:
    reference = f"https://Files.Example.com/a/b%20c.mp3?sv=1&{SECRET}"
    found = RULES.find(reference)
    assert isinstance(found, WebSource)
    assert found.url == f"https://files.example.com/a/b%20c.mp3?sv=1&{SECRET}"
    assert SECRET not in repr(found)
    assert found.describe() == {"host": "files.example.com"}


HOSTILE = [
    # other places
    "sluice-payloads/feedback/j1/body",
    "claim-checks/x",
    "$logs/x",
    f"{CLOUD}/sluice-payloads/x",
    "https://other.blob.core.windows.net/audio-in/a.mp3",
    f"https://evil.example/a.mp3?{SECRET}",
    "https://example.com/a.mp3",
    "https://files.example.com.evil.example/a.mp3",
    "https://evilfiles.example.com/a.mp3",
    "https://files.example.com./a.mp3",
    "https://169.254.169.254/metadata/identity/oauth2/token",
    "https://[::1]/a.mp3",
    "https://2130706433/a.mp3",
    "https://0x7f.1/a.mp3",
    "https://localhost/a.mp3",
    # other protocols
    "http://files.example.com/a.mp3",
    f"{CLOUD.replace('https', 'http')}/audio-in/a.mp3",
    "ftp://files.example.com/a.mp3",
    "file:///etc/passwd",
    "file:audio-in/a.mp3",
    "concat:audio-in/a.mp3",
    "data:audio/wav;base64,AAAA",
    "//files.example.com/a.mp3",
    "https:/files.example.com/a.mp3",
    "https:\\\\files.example.com\\a.mp3",
    # hosts that aren't what they look like
    "https://files.example.com:443/a.mp3",
    f"{CLOUD}:443/audio-in/a.mp3",
    "https://files.example.com:8080/a.mp3",
    "https://user@files.example.com/a.mp3",
    "https://user:pass@files.example.com/a.mp3",
    "https://files.example.com@evil.example/a.mp3",
    "https://evil.example\\@files.example.com/a.mp3",
    "https://evil.example#@files.example.com/a.mp3",
    "https://files.example.com\\.evil.example/a.mp3",
    "https://files.ex\u0430mple.com/a.mp3",  # Cyrillic
    "https://files.example\u3002com/a.mp3",  # a full stop to IDNA
    "http\u017f://files.example.com/a.mp3",  # a long s
    "https://files.exam\nple.com/a.mp3",
    "https://files.example.com\t/a.mp3",
    " https://files.example.com/a.mp3",
    "https://files.example.com/a.mp3\r\nHost: evil.example",
    "https://files.example.com/a b.mp3",
    "https://files.example.com/a%zz.mp3",
    "https://files.example.com/a.mp3#x",
    "https://files.example.com",
    "https://files.example.com?x",
    # ways out of the container
    "audio-in/../sluice-payloads/x",
    "audio-in/./x",
    "audio-in/a/../../sluice-payloads/x",
    "audio-in//x",
    "audio-in/x/",
    "audio-in\\..\\sluice-payloads\\x",
    "audio-in/..\\sluice-payloads\\x",
    "../audio-in/x",
    "/audio-in/x",
    f"{CLOUD}/audio-in/../sluice-payloads/x",
    f"{CLOUD}/audio-in/%2e%2e/sluice-payloads/x",
    f"{CLOUD}/audio-in/..%2Fsluice-payloads%2Fx",
    f"{CLOUD}/audio-in/%2E%2E%5Csluice-payloads",
    f"{CLOUD}/audio-in%2F..%2Fsluice-payloads/x",
    f"{CLOUD}/%61udio-in/x",
    f"{CLOUD}//audio-in/x",
    f"{CLOUD}/audio-in/a%00.mp3",
    f"{CLOUD}/audio-in/a%zz.mp3",
    f"{CLOUD}/audio-in/a%ff.mp3",
    f"{CLOUD}/audio-in/a.mp3?{SECRET}",
    f"{CLOUD}/audio-in/a.mp3?snapshot=2026-01-01",
    f"{CLOUD}/audio-in/a.mp3#x",
    f"{CLOUD}/audio-in/",
    f"{CLOUD}/audio-in",
    CLOUD,
    "audio-in/",
    "audio-in",
    "AUDIO-IN/a.mp3",
    "audio-in/a\x00.mp3",
    "audio-in/a\ud800.mp3",
    "audio-in/" + "a" * 1025,
    "",
    "/",
]


@pytest.mark.parametrize("reference", HOSTILE, ids=ascii)
def test_hostile_references(reference: str) -> None:
    with pytest.raises(AudioNotAllowedError) as caught:
        RULES.find(reference)
    assert caught.value.field == "audio"
    assert caught.value.code == "audio_not_allowed"
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    "reference",
    [
        "http://127.0.0.1:10000/otheraccount/audio-in/a.mp3",
        "http://127.0.0.1:10000/devstoreaccount1x/audio-in/a.mp3",
        "http://127.0.0.1:10000/devstoreaccount1/../otheraccount/audio-in/a.mp3",
        "http://127.0.0.1:10001/devstoreaccount1/audio-in/a.mp3",
        "http://127.0.0.1/devstoreaccount1/audio-in/a.mp3",
        "https://127.0.0.1:10000/devstoreaccount1/audio-in/a.mp3",
        "http://localhost:10000/devstoreaccount1/audio-in/a.mp3",
    ],
)
def test_other_local_accounts(reference: str) -> None:
    with pytest.raises(AudioNotAllowedError):
        LOCAL_RULES.find(reference)


pieces = st.sampled_from(
    [
        *("https://", "http://", "acct.blob.core.windows.net", "files.example.com", "audio-in", "sluice-payloads"),
        *("/", "..", ".", "\\", "@", ":", "#", "?", "%2e", "%2F", "%5c", "%25", "%00", SECRET, "\u3002", "\t", " "),
    ]
)


@given(st.lists(pieces | st.text(max_size=4), max_size=12).map("".join))
@example("https://files.example.com/../@evil")
def test_what_is_found_is_always_allowed(reference: str) -> None:
    """As other software reads it, too."""
    try:
        found = RULES.find(reference)
    except AudioNotAllowedError as error:
        message = str(error)
        assert SECRET not in message
        return
    if isinstance(found, BlobSource):
        assert found.container in ("audio-in", "calls")
        assert ".." not in found.name.split("/")
        assert URL(f"{CLOUD}/{found.container}/{quote(found.name)}").path.startswith(f"/{found.container}/")
        return
    standard, client = urlsplit(found.url), URL(found.url, encoded=True)
    for host, user, port, scheme in (
        (standard.hostname, standard.username, standard.port, standard.scheme),
        (client.host, client.user, client.explicit_port, client.scheme),
    ):
        assert (host, user, port, scheme) == ("files.example.com", None, None, "https")


@given(st.text(alphabet=st.characters(exclude_categories=("Cc", "Cs"), exclude_characters="/\\"), min_size=1))
def test_any_name_can_be_meant(name: str) -> None:
    if name in (".", ".."):
        return
    expected = BlobSource("audio-in", name)
    assert RULES.find(f"audio-in/{name}") == expected
    assert RULES.find(f"{CLOUD}/audio-in/{quote(name, safe='')}") == expected


@pytest.mark.parametrize(
    "host", ["", "*", "*.example.com", "https://example.com", "example.com:443", "10.0.0.1", "Example.com", "localhost"]
)
def test_hosts_that_can_not_be_set(host: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        AudioSources(CLOUD, [], [host])
    assert caught.value.field == "AUDIO_ALLOWED_HOSTS"


@pytest.mark.parametrize("container", ["sluice-payloads", "", "a", "Audio", "audio--in", "$logs", "a/b"])
def test_containers_that_can_not_be_set(container: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        AudioSources(CLOUD, [container], reserved=["sluice-payloads"])
    assert caught.value.field == "AUDIO_CONTAINERS"


def test_nothing_set_means_nothing_allowed() -> None:
    with pytest.raises(AudioNotAllowedError, match="containers none"):
        AudioSources(CLOUD, []).find("audio-in/a.mp3")
