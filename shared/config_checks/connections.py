"""Storage and Service Bus: connection strings, addresses, identities."""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from shared.config_catalogue import by_name
from shared.config_checks.findings import Area, Finding, Severity
from shared.config_checks.given import Given
from shared.config_setting import Form

STORAGE = "AzureWebJobsStorage"
BUS = "ServiceBusConnection"
NAMESPACE = f"{BUS}__fullyQualifiedNamespace"
ACCOUNT = f"{STORAGE}__accountName"

# Microsoft, "Storage account overview": 3 to 24 lower-case letters and digits; "devstoreaccount1" is Azurite's.
_ACCOUNT = re.compile(r"[a-z0-9]{3,24}")
_NAMESPACE = re.compile(r"[A-Za-z][A-Za-z0-9-]{4,48}[A-Za-z0-9](\.[A-Za-z0-9-]+){2,}")
_KEY = re.compile(r"(?i)(?:AccountKey|SharedAccessKey|SharedAccessSignature)=")
_PARTS_OF_STORAGE = ("AccountName", "DefaultEndpointsProtocol", "UseDevelopmentStorage", "BlobEndpoint")
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def connection_findings(given: Given) -> Iterator[Finding]:
    """What is wrong with how storage and Service Bus are reached."""
    yield from _storage(given)
    yield from _service_bus(given)
    yield from _both(given, STORAGE, (ACCOUNT, f"{STORAGE}__blobServiceUri", f"{STORAGE}__tableServiceUri"))
    yield from _both(given, BUS, (NAMESPACE,))
    yield from _keys_in_azure(given)
    yield from _for_the_host(given, ACCOUNT, STORAGE)
    yield from _for_the_host(given, NAMESPACE, BUS)
    for name, value in given.env.items():
        setting = by_name().get(name)
        if setting is not None and setting.form is Form.ADDRESS:
            yield from address_findings(name, value, _area(name))


def address_findings(name: str, value: str, area: Area) -> Iterator[Finding]:
    """What is wrong with an http address."""
    try:
        parts = urlsplit(value)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, parts = None, None, urlsplit("")
    if parts.scheme not in ("http", "https") or not host or port == 0:
        mend = f"Set it to https://{value}" if re.fullmatch(r"[\w-]+(\.[\w-]+)+/?", value) else "Begin it with https://"
        yield _critical(area, name, "it must be an address that begins with https://.", f"{mend}.")
    elif parts.username or parts.password or "sig=" in parts.query:
        yield _critical(
            area, name, "a key or signature is a part of the address.", "Remove it; a managed identity needs none."
        )
    elif parts.scheme == "http" and host not in LOOPBACK:
        yield Finding(
            Severity.WARNING,
            area,
            (name,),
            "it isn't encrypted, so that keys, tokens and bodies can be read on the way.",
            f"Set it to https://{parts.netloc}{parts.path}.",
        )


def _storage(given: Given) -> Iterator[Finding]:
    text = given.env.get(STORAGE)
    if text is not None and not any(f"{part}=" in text for part in _PARTS_OF_STORAGE):
        yield _critical(
            Area.SERVICES,
            STORAGE,
            "it isn't the connection string of a storage account.",
            f"Copy it from the account's access keys, or remove it and set {ACCOUNT} for a managed identity.",
        )
    elif text is not None and "BlobEndpoint" not in text and "UseDevelopmentStorage" not in text:
        for part in ("AccountName", "AccountKey"):
            if f"{part}=" not in text and "SharedAccessSignature=" not in text:
                yield _critical(
                    Area.SERVICES, STORAGE, f"{part} is missing in it.", "Copy the whole connection string."
                )
    account, name = given.value(ACCOUNT), given.name_of(ACCOUNT)
    if account is not None and not _ACCOUNT.fullmatch(account):
        first = re.match(r"(?:https?://)?([a-z0-9]{3,24})\.", account)
        mend = f"Set it to {first[1]}." if first else "It has 3 to 24 lower-case letters and digits."
        yield _critical(Area.SERVICES, name, "it must be the account's name alone.", mend)
    for service in ("blob", "table"):
        name = f"{STORAGE}__{service}ServiceUri"
        others = [other for other in ("blob", "table", "queue", "file") if other != service]
        if any(f".{other}.core." in given.env.get(name, "") for other in others):
            yield _critical(
                Area.SERVICES, name, f"it isn't the address of a {service} service.", f"It has .{service}.core. in it."
            )


def _service_bus(given: Given) -> Iterator[Finding]:
    text = given.env.get(BUS)
    if text is not None:
        yield from _bus_string(text)
    namespace, name = given.value(NAMESPACE), given.name_of(NAMESPACE)
    if namespace is not None and not _NAMESPACE.fullmatch(namespace):
        bare = re.fullmatch(r"(?:\w+://)?([A-Za-z][A-Za-z0-9-]{4,48}[A-Za-z0-9])(\.[\w.-]+)?(?::\d+)?/?", namespace)
        mend = "Set it to NAME.servicebus.windows.net, with your namespace's name."
        if bare:
            mend = f"Set it to {bare[1]}{bare[2] or '.servicebus.windows.net'}."
        yield _critical(Area.SERVICES, name, "it must be the host name of the namespace, without sb:// and path.", mend)


def _bus_string(text: str) -> Iterator[Finding]:
    parts = {part.partition("=")[0].strip().lower(): part.partition("=")[2] for part in text.split(";")}
    if not re.match(r"(?i)sb://.", parts.get("endpoint", "")):
        yield _critical(
            Area.SERVICES,
            BUS,
            "it isn't the connection string of a Service Bus namespace: Endpoint=sb://… is missing.",
            f"Copy it from the namespace's shared access policies, or remove it and set {NAMESPACE} for a managed "
            "identity.",
        )
    elif not parts.get("sharedaccesssignature") and not (
        parts.get("sharedaccesskeyname") and parts.get("sharedaccesskey")
    ):
        yield _critical(
            Area.SERVICES,
            BUS,
            "SharedAccessKeyName or SharedAccessKey is missing in it.",
            f"Copy the whole connection string, or remove it and set {NAMESPACE} for a managed identity.",
        )
    if parts.get("entitypath"):
        yield _critical(
            Area.SERVICES,
            BUS,
            "it is of one queue (EntityPath), and the app uses many.",
            "Take the connection string of the namespace.",
        )


def _both(given: Given, text: str, others: tuple[str, ...]) -> Iterator[Finding]:
    names = [given.name_of(name) for name in others if given.value(name) is not None]
    if text in given.env and names:
        yield Finding(
            Severity.WARNING,
            Area.SERVICES,
            (text, *names),
            "a connection string and an address for a managed identity are set; the connection string counts.",
            f"Remove {text} to use the identity.",
        )


def _keys_in_azure(given: Given) -> Iterator[Finding]:
    if "WEBSITE_SITE_NAME" not in given.env:
        return
    for name, instead in ((STORAGE, ACCOUNT), (BUS, NAMESPACE)):
        if _KEY.search(given.env.get(name, "")):
            yield Finding(
                Severity.WARNING,
                Area.SERVICES,
                (name, instead),
                "a key is in the settings of an app in Azure, which has a managed identity: everybody who reads the "
                "settings can use it.",
                f"Remove {name}, set {instead}, and give the identity its roles (docs/deployment.md).",
            )


def _for_the_host(given: Given, name: str, text: str) -> Iterator[Finding]:
    alias = given.name_of(name)
    if alias != name and text not in given.env and not any(each.startswith(f"{text}__") for each in given.env):
        yield Finding(
            Severity.WARNING,
            Area.SERVICES,
            (alias, name),
            f"{alias} serves the `sluice` command, but the host's triggers read {name} only.",
            f"Set {name} to the same value where the app runs.",
        )


def _area(name: str) -> Area:
    return Area.AI_PROVIDERS if "OPENAI" in name else Area.SERVICES


def _critical(area: Area, name: str, problem: str, mend: str) -> Finding:
    return Finding(Severity.CRITICAL, area, (name,), problem, mend)
