"""What a person typed, as a value of the tag's type. The range is checked where the value is used."""

from __future__ import annotations

import math
from typing import Any

_TRUTH = {"true": True, "1": True, "on": True, "false": False, "0": False, "off": False}


def parse(entry: Any, datatype: str) -> Any:
    """A text becomes what `datatype` (Sparkplug's name) holds; what is no text is passed on as it is.

    Raises ValueError with a plain reason.
    """
    if not isinstance(entry, str) or datatype in ("String", "Text", "UUID", ""):
        return entry
    text = entry.strip()
    if datatype == "Boolean":
        if text.lower() not in _TRUTH:
            raise ValueError(f"{text[:40]!r} is neither true nor false.")
        return _TRUTH[text.lower()]
    if datatype in ("Float", "Double"):
        return _real(text)
    digits = text.removeprefix("-").removeprefix("+")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 20):
        raise ValueError(f"{text[:40]!r} is not a whole number ({datatype}).")
    return int(text)


def _real(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"{text[:40]!r} is not a number.") from None
    if not math.isfinite(value):
        raise ValueError(f"{text[:40]!r} is not a finite number.")
    return value
