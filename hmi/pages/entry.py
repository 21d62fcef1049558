"""What a person typed, as a value of the tag's type. The range is checked where the value is used."""

from __future__ import annotations

import json
import math
from typing import Any

_TEXTS = frozenset({"String", "Text", "UUID"})
# Base64; whether it is, is judged where the value is used. Of an unknown tag nothing can be told.
_AS_TYPED = _TEXTS | {"Bytes", "File", ""}
_REAL = frozenset({"Float", "Double"})
_TRUTH = {"true": True, "1": True, "on": True, "false": False, "0": False, "off": False}
# JSON has no numbers for these; an array that holds one is shown with the text.
_SPECIAL = frozenset({"NaN", "Infinity", "-Infinity"})
_ARRAY = "Array"


def parse(entry: Any, datatype: str) -> Any:
    """A text becomes what `datatype` (Sparkplug's name) holds; what is no text is passed on as it is.

    Arrays and tables are JSON: `[1, 2, 3]`. Raises ValueError with a plain reason, naming the element.
    """
    if not isinstance(entry, str) or datatype in _AS_TYPED:
        return entry
    text = entry.strip()
    if datatype.endswith(_ARRAY):
        return _elements(text, datatype.removesuffix(_ARRAY))
    if datatype == "DataSet":
        return _table(text)
    if datatype == "Boolean":
        if text.lower() not in _TRUTH:
            raise ValueError(f"{text[:40]!r} is neither true nor false.")
        return _TRUTH[text.lower()]
    if datatype in _REAL:
        return _real(text)
    digits = text.removeprefix("-").removeprefix("+")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 20):
        raise ValueError(f"{text[:40]!r} is not a whole number ({datatype}).")
    return int(text)


def entry_of(value: Any) -> str:
    """A value out of JSON as a person would type it: what `parse` makes the same value of."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _elements(text: str, kind: str) -> list[Any]:
    found = _json(text, "a list in brackets, [1, 2, 3] for example")
    if not isinstance(found, list):
        raise ValueError(f"{text[:40]!r} is not a list in brackets, [1, 2, 3] for example.")
    elements = []
    for number, element in enumerate(found):
        try:
            elements.append(_element(element, kind))
        except ValueError as error:
            raise ValueError(f"element {number}: {error}") from None
    return elements


def _element(element: Any, kind: str) -> Any:
    shown = json.dumps(element, ensure_ascii=False)[:40]
    if kind in _TEXTS:
        if not isinstance(element, str):
            raise ValueError(f"{shown} is not a text in quotation marks.")
        return element
    if isinstance(element, str):
        return element if kind in _REAL and element in _SPECIAL else parse(element, kind)
    if kind == "Boolean":
        if not isinstance(element, bool):
            raise ValueError(f"{shown} is neither true nor false.")
        return element
    if isinstance(element, bool) or not isinstance(element, int | float):
        raise ValueError(f"{shown} is not a number ({kind}).")
    if kind not in _REAL and isinstance(element, float) and not element.is_integer():
        raise ValueError(f"{shown} is not a whole number ({kind}).")
    if isinstance(element, float) and not math.isfinite(element):
        raise ValueError(f"{shown} is not a finite number.")
    return element


def _table(text: str) -> dict[str, Any]:
    wanted = '{"columns": [...], "types": [...], "rows": [[...]]}'
    found = _json(text, f"a table, {wanted}")
    if not isinstance(found, dict):
        raise ValueError(f"{text[:40]!r} is not a table, {wanted}.")
    return found


def _json(text: str, wanted: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        where = f"{error.msg} at character {error.pos + 1}"
        raise ValueError(f"{text[:40]!r} is not {wanted}: {where}.") from None
    except (ValueError, RecursionError):
        raise ValueError(f"{text[:40]!r} is not {wanted}.") from None


def _real(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"{text[:40]!r} is not a number.") from None
    if not math.isfinite(value):
        raise ValueError(f"{text[:40]!r} is not a finite number.")
    return value
