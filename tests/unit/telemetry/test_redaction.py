"""No secret and no body gets into a line. The secrets here are planted: none of them opens anything."""

import logging
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.log_settings import secret_values
from shared.telemetry.events import log_event
from shared.telemetry.formats import StructuredFormatter, TerminalFormatter
from shared.telemetry.redaction import REDACTED, Redactor

STORAGE_KEY = "Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYg=="
BUS_KEY = "q8Jf0Yv3mXh5kT9wZb2cRd7sLp4nGu6eAo1iVyKtHxE="
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJtZSJ9.c2lnbmF0dXJlLXRoYXQtaXMtbG9uZw"
FUNCTION_KEY = "dGhpcy1pcy1ub3QtYS1yZWFsLWtleS1idXQtbG9uZw-AzFuAbCdEf=="
OPENAI_KEY = "sk-proj-abcdefghijklmnopqrstuvwx0123456789"
COGNITIVE_KEY = "9aBcDeFgHiJkLmNoPqRsTuVwXyZ0123456789aBcDeFgHiJkLmNoPqRsJQQJ99BKACYeBjFXJ3w3AAABACOGabcd"
HEX_KEY = "0123456789abcdef0123456789abcdef"

PLANTED = [  # text, what must not be left of it
    (f"DefaultEndpointsProtocol=https;AccountName=acc;AccountKey={STORAGE_KEY};EndpointSuffix=x", STORAGE_KEY),
    (f"Endpoint=sb://ns/;SharedAccessKeyName=Root;SharedAccessKey={BUS_KEY}", BUS_KEY),
    (f"could not use {STORAGE_KEY} for the account", STORAGE_KEY),
    (f"bus refused {BUS_KEY}.", BUS_KEY),
    ("GET https://acc.blob.core.windows.net/c/b?sv=2025-01-05&sp=r&sig=aBc%2Fd%3D&se=2027", "aBc%2Fd%3D"),
    (f"POST https://app.azurewebsites.net/api/tokens?code={FUNCTION_KEY}", FUNCTION_KEY),
    (f"key {FUNCTION_KEY} refused", FUNCTION_KEY),
    (f"Authorization: Bearer {JWT}", JWT),
    (f"'authorization': 'Bearer {JWT}'", JWT),
    (f"token was {JWT}", JWT),
    ("Authorization: Basic dXNlcjpwYXNz", "dXNlcjpwYXNz"),
    ("Authorization: SharedKey acc:c2lnbmF0dXJl/+==", "c2lnbmF0dXJl"),
    (f"headers: {{'api-key': '{HEX_KEY}'}}", HEX_KEY),
    (f'{{"Ocp-Apim-Subscription-Key": "{HEX_KEY}"}}', HEX_KEY),
    (f"x-functions-key={HEX_KEY}", HEX_KEY),
    (f"called with {OPENAI_KEY}", OPENAI_KEY),
    (f"model key {COGNITIVE_KEY}", COGNITIVE_KEY),
    ("password=hunter22 user=me", "hunter22"),
    ("Password : 'two words'", "two words"),
    ('client_secret="s3cr3t", tenant=t', "s3cr3t"),
    ("redis://me:s3cr3tpass@cache:6380/0", "s3cr3tpass"),
    ("Set-Cookie: session=abc; other=def", "def"),
    ("access_token=abc.def&expires=1", "abc.def"),
    ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----", "MIIE"),
    ("-----BEGIN PRIVATE KEY-----\nMIIE cut off", "MIIE"),
    ('body: {"text": "I am very angry"}', "angry"),
    ("request body=I am very angry\nand more", "angry"),
    ("got body=I am very angry\nand more", "and more"),
    ("prompt='classify this: ...'", "classify"),
    ("completion = negative, because", "because"),
    ("transcript: hello world", "hello"),
    ("1 validation error for X\ntext\n  bad [type=x, input_value='my own words', input_type=str]", "my own words"),
]


@pytest.mark.parametrize(("text", "secret"), PLANTED)
def test_planted_secrets_are_not_in_lines(text: str, secret: str) -> None:
    assert secret in text
    for shown in lines_with(text):
        assert secret not in shown
        assert REDACTED in shown


@pytest.mark.parametrize(
    "text",
    [
        "job a1 done attempt=2 in 0.5 s",
        "prompt_tokens=500 completion_tokens=20 tokens=520 token_count=3",
        "partition_key=p row_key=r failure_key=f",
        "body_size=120 prompt=812 body=12",
        "the request body was empty",
        "0123456789abcdef0123456789abcdef 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "sha256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "File /usr/lib/python3.13/site-packages/azure/storage/blob/aio/_blob_client_async.py, line 12",
        "https://acc.blob.core.windows.net/container/2026/11/22/blob.jsonl.gz",
        "the key to success is a signal that passes",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert Redactor().text(text) == text


def lines_with(text: str, redactor: Redactor | None = None) -> list[str]:
    """Lines in both formats: with the text as a message, as a field, and in a traceback."""
    lines: list[str] = []

    class Keeper(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(StructuredFormatter("app", "vm.1.1", redactor).format(record))
            lines.append(TerminalFormatter(colour=False, redactor=redactor).format(record))

    logger = logging.Logger("planted")
    logger.addHandler(Keeper())
    logger.warning("%s", text)
    log_event(logger, "planted", reason=text)
    try:
        raise ValueError(text)
    except ValueError:
        logger.exception("failed")
    return lines


def test_fields_are_redacted_by_their_names() -> None:
    redactor = Redactor()
    for name in ("api_key", "token", "password", "body", "prompt", "connection_string", "text", "request_body"):
        assert redactor.field(name, "anything") == REDACTED
    for name in ("input_tokens", "reason", "partition_key", "kind", "content_type"):
        assert redactor.field(name, "anything") == "anything"


def test_ids_stay_as_they_are() -> None:
    job_id = "Qm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmE="  # looks like a key of Service Bus
    assert Redactor().field("job_id", job_id) == job_id
    assert Redactor().field("reason", job_id) == REDACTED


def test_the_values_of_this_process_are_redacted_wherever_they_stand() -> None:
    env = {
        "AZURE_OPENAI_API_KEY": "plain-words-as-a-key",
        "AzureWebJobsStorage": f"AccountName=a;AccountKey={STORAGE_KEY};X=y",
        "SHORT_KEY": "local",
        "PATH": "/usr/bin:/usr/local/bin",
    }
    secrets = secret_values(env)
    assert set(secrets) == {"plain-words-as-a-key", STORAGE_KEY}
    redactor = Redactor(secrets)
    for shown in lines_with("it said plain-words-as-a-key!", redactor):
        assert "plain-words" not in shown
    assert redactor.field("job_id", "x plain-words-as-a-key") == f"x {REDACTED}"


@given(st.text())
def test_any_text_is_taken(text: str) -> None:
    redactor = Redactor()
    once = redactor.text(text)
    assert isinstance(once, str)
    StructuredFormatter("app", "vm.1.1", redactor).format(
        logging.makeLogRecord({"name": "x", "levelname": "INFO", "msg": text})
    )


@pytest.mark.parametrize(
    "unit",
    ["a", "-", "a-", "token", "token=", "body", '"', "=", "eyJ", "://", "sk-", "AB+/", "-----BEGIN ", "cookie", "'\\"],
)
def test_long_texts_take_no_quadratic_time(unit: str) -> None:
    redactor = Redactor()

    def took_s(length: int) -> float:
        text = (unit * length)[:length] + " key"
        best = float("inf")
        for _ in range(3):
            began_s = time.thread_time()
            redactor.text(text)
            best = min(best, time.thread_time() - began_s)
        return best

    short_s, long_s = took_s(4_000), took_s(16_000)
    assert long_s < short_s * 12 + 0.005, "four times the text; quadratic would be sixteen times"
