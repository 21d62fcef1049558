"""Tags in one line, as a command line says them: `NAME:TYPE=VALUE`.

    Tag 1:Int32=10      Speed:Double=-1.5      On:Boolean=true      Text/Hello:String=a = b: c
    Levels:Int16Array=[1,-2]
    Counter:Counter     the clock in tenths of a second, once a second: something that moves

NAME may hold slashes (folders) and colons, VALUE anything; without `=VALUE` the tag is null.
"""

from __future__ import annotations

import json
import re
from typing import Any

from sparkplug import DataType

COUNTER = "Counter"
_LINE = re.compile(r"(?P<name>.+?):(?P<type>\w+)(?:=(?P<value>.*))?", re.DOTALL)
_TEXTS = ("String", "Text", "UUID", "DateTime", "Bytes", "File")


def tag_from_text(text: str) -> dict[str, Any]:
    """{"name", "type"} and, where there is one, "value". Raises ValueError with the reason."""
    found = _LINE.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is not NAME:TYPE=VALUE")
    tag: dict[str, Any] = {"name": found["name"], "type": found["type"]}
    if tag["type"] != COUNTER and tag["type"] not in DataType.__members__:
        raise ValueError(f"{text!r}: there is no type {tag['type']!r}")
    if found["value"] is not None:
        tag["value"] = _value(tag["type"], found["value"])
    return tag


def _value(datatype: str, text: str) -> Any:
    """Texts as they are; everything else as JSON has it. The type itself judges them later."""
    if datatype in _TEXTS and not (datatype == "DateTime" and text.lstrip("-").isdigit()):
        return text
    try:
        return json.loads(text)
    except ValueError:
        raise ValueError(
            f"{text!r} is no value of a tag: a number, true or false, a list in brackets"
        ) from None
