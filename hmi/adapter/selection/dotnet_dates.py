"""Dates in the formats of .NET (standard and custom format strings), read in the invariant culture.

No library in Python knows them; what `DateTime.ParseExact` would want is made a regular expression once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from functools import lru_cache

_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_LONGEST = 100
_STANDARD = {
    "d": "MM/dd/yyyy",
    "D": "dddd, dd MMMM yyyy",
    "f": "dddd, dd MMMM yyyy HH:mm",
    "F": "dddd, dd MMMM yyyy HH:mm:ss",
    "g": "MM/dd/yyyy HH:mm",
    "G": "MM/dd/yyyy HH:mm:ss",
    "m": "MMMM dd",
    "o": "yyyy-MM-ddTHH:mm:ss.fffffffK",
    "r": "ddd, dd MMM yyyy HH:mm:ss 'GMT'",
    "s": "yyyy-MM-ddTHH:mm:ss",
    "t": "HH:mm",
    "T": "HH:mm:ss",
    "u": "yyyy-MM-dd HH:mm:ss'Z'",
    "U": "dddd, dd MMMM yyyy HH:mm:ss",
    "y": "yyyy MMMM",
}
_STANDARD |= {"M": _STANDARD["m"], "O": _STANDARD["o"], "R": _STANDARD["r"], "Y": _STANDARD["y"]}
_IN_UTC = frozenset("rRuU")


def _names(group: str, names: tuple[str, ...], length: int | None) -> str:
    return f"(?P<{group}>{'|'.join(name[:length] for name in names)})"


# A run of one letter -> what it stands for. Longer runs of y, d and the rest mean what the longest here does.
_PARTS = {
    "d": r"(?P<day>\d{1,2})",
    "dd": r"(?P<day>\d{2})",
    "ddd": _names("weekday", _DAYS, 3),
    "dddd": _names("weekday", _DAYS, None),
    "M": r"(?P<month>\d{1,2})",
    "MM": r"(?P<month>\d{2})",
    "MMM": _names("named_month", _MONTHS, 3),
    "MMMM": _names("named_month", _MONTHS, None),
    "y": r"(?P<short_year>\d{1,2})",
    "yy": r"(?P<short_year>\d{2})",
    "yyy": r"(?P<year>\d{3,4})",
    "yyyy": r"(?P<year>\d{4})",
    "H": r"(?P<hour>\d{1,2})",
    "HH": r"(?P<hour>\d{2})",
    "h": r"(?P<half_hour>\d{1,2})",
    "hh": r"(?P<half_hour>\d{2})",
    "m": r"(?P<minute>\d{1,2})",
    "mm": r"(?P<minute>\d{2})",
    "s": r"(?P<second>\d{1,2})",
    "ss": r"(?P<second>\d{2})",
    "t": "(?P<half>[AP])",
    "tt": "(?P<half>[AP])M",
    "z": r"(?P<offset>[+-]\d{1,2})",
    "zz": r"(?P<offset>[+-]\d{2})",
    "zzz": r"(?P<offset>[+-]\d{2}:\d{2})",
    "K": r"(?P<offset>Z|[+-]\d{2}:\d{2})?",
    "g": r"(?:A\.D\.)",
}
_RUNS = re.compile(
    r"""(?P<quoted>'[^']*'|"[^"]*")|\\(?P<escaped>.)|%?(?P<run>([dMyHhmsftzFKg])\4*)|(?P<other>.)""", re.S
)


class DotnetDate:
    """A format that has been read. Made by `read`."""

    def __init__(self, text: str) -> None:
        self._in_utc = text in _IN_UTC
        self._form = re.compile("".join(_pattern(text)), re.IGNORECASE)
        groups = self._form.groupindex.keys()
        if not groups & {"year", "short_year"}:
            raise ValueError("is no date format of use: it has no year")
        if "half_hour" in groups and "half" not in groups:
            raise ValueError("is no date format of use: h without t does not say which half of the day")

    def milliseconds(self, text: str, zone: tzinfo) -> int:
        """The time that `text` says, ms since 1970 UTC; without offset one of `zone`. Raises ValueError."""
        found = self._form.fullmatch(text.strip())
        if found is None:
            raise ValueError(f"{text[:60]!r} is not in the format of times")
        said = {name: value for name, value in found.groupdict().items() if value is not None}
        moment = _date(said) + _time(said)
        offset = said.get("offset")
        if offset is not None:
            zone = _offset(offset)
        elif self._in_utc:
            zone = UTC
        if "weekday" in said and _DAYS[moment.weekday()][:3].casefold() != said["weekday"][:3].casefold():
            raise ValueError(f"{text[:60]!r} is no {said['weekday']}")
        return since_1970(moment, zone)


@lru_cache(1000)
def read(text: str) -> DotnetDate:
    """Raises ValueError with what is wrong."""
    if len(text) > _LONGEST:
        raise ValueError(f"has more than {_LONGEST} characters")
    if len(text) == 1 and text not in _STANDARD:
        raise ValueError(f"{text} is no standard format of .NET")
    try:
        return DotnetDate(text)
    except re.error:
        raise ValueError("is no date format: it says something twice") from None


def since_1970(moment: datetime, zone: tzinfo) -> int:
    """Milliseconds since 1970 UTC of a time in `zone`, unless it has one of its own. Raises ValueError."""
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
    try:
        return (moment.astimezone(UTC) - _EPOCH) // timedelta(milliseconds=1)
    except OverflowError:
        raise ValueError("the time is beyond the years 1 to 9999") from None


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _pattern(text: str) -> Iterator[str]:
    text = _STANDARD.get(text, text)
    for found in _RUNS.finditer(text):
        if found["quoted"]:
            yield re.escape(found["quoted"][1:-1])
        elif found["escaped"]:
            yield re.escape(found["escaped"])
        elif found["run"]:
            yield _part(found["run"])
        elif found["other"] in "'\"\\":
            raise ValueError("is no date format: a quote is not closed")
        else:
            yield re.escape(found["other"])


def _part(run: str) -> str:
    letter = run[0]
    if letter in "fF":
        if len(run) > 7:
            raise ValueError("is no date format: seconds have at most seven decimals")
        return rf"(?P<fraction>\d{{{len(run)}}})" if letter == "f" else rf"(?P<fraction>\d{{0,{len(run)}}})"
    while run not in _PARTS:
        run = run[:-1]
    return _PARTS[run]


def _date(said: dict[str, str]) -> datetime:
    year = int(said.get("year", 0))
    if "short_year" in said:
        # .NET's invariant calendar: two digits are of the hundred years that end in 2049.
        year = int(said["short_year"]) + 1900
        year += 100 if year < 1950 else 0
    month = int(said.get("month", 1))
    if "named_month" in said:
        month = [name[:3].casefold() for name in _MONTHS].index(said["named_month"][:3].casefold()) + 1
    return datetime.combine(date(year, month, int(said.get("day", 1))), datetime.min.time())


def _time(said: dict[str, str]) -> timedelta:
    hour, minute, second = (int(said.get(name, 0)) for name in ("hour", "minute", "second"))
    if "half_hour" in said:
        hour = int(said["half_hour"])
        if not 1 <= hour <= 12:
            raise ValueError(f"{hour} is no hour of half a day")
        hour = hour % 12 + (12 if said.get("half", "a").casefold() == "p" else 0)
    if hour > 23 or minute > 59 or second > 59:
        raise ValueError(f"{hour}:{minute:02}:{second:02} is no time of day")
    microseconds = int((said.get("fraction") or "0").ljust(7, "0")[:6])
    return timedelta(hours=hour, minutes=minute, seconds=second, microseconds=microseconds)


def _offset(text: str) -> tzinfo:
    if text.casefold() == "z":
        return UTC
    hours, _, minutes = text[1:].partition(":")
    length = timedelta(hours=int(hours), minutes=int(minutes or 0))
    if length >= timedelta(hours=24):
        raise ValueError(f"{text} is no offset")
    return timezone(-length if text[0] == "-" else length)
