"""Metadata that comes out of an event's text: the host reads a JSON object and offers its properties to bindings."""

from local.host import newtonsoft
from local.host.contracts import Datum


def add_json_properties(metadata: dict[str, Datum], text: str) -> None:
    """Add the top-level properties of a JSON object, unless they are null or arrays (Utility.ApplyBindingData).

    They replace metadata of the same name in any case. A text that isn't a JSON object adds nothing.
    """
    if not text.lstrip().startswith("{") or not newtonsoft.is_json(text):
        return
    try:
        content = newtonsoft.parse(text)
    except ValueError:
        return
    written = {name.lower(): name for name in metadata}
    for name, value in content.items():
        if value is None or isinstance(value, list):
            continue
        if isinstance(value, dict):
            datum = Datum("json", newtonsoft.compact(value))
        else:
            datum = Datum("string", newtonsoft.to_string(value))
        metadata[written.setdefault(name.lower(), name)] = datum
