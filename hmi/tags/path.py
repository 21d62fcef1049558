"""Tag paths: `[Provider]Folder/Folder/Tag`.

A slash after the bracket is accepted and dropped, as are doubled and trailing ones, so that one tag
has one spelling. Nothing here knows which tags exist.
"""

from __future__ import annotations

LONGEST = 1000

ENGINE = "MQTT Engine"
TRANSMISSION = "MQTT Transmission"
DEFAULT = "default"
SYSTEM = "System"
ADAPTER = "MQTT Adapter"
PROVIDERS = (ENGINE, TRANSMISSION, ADAPTER, DEFAULT, SYSTEM)


class PathError(ValueError):
    """A text that cannot be a tag path; the message says why in a plain sentence."""


def canonical(text: str) -> str:
    """The one spelling of a path: `[P]/A//B/` becomes `[P]A/B`. Raises PathError."""
    provider, parts = split(text)
    return join(provider, *parts)


def split(text: str) -> tuple[str, tuple[str, ...]]:
    """A path's provider and its names. `[P]` alone is the provider's own folder. Raises PathError."""
    if not isinstance(text, str):
        raise PathError("a tag path is a text")
    if len(text) > LONGEST:
        raise PathError(f"a tag path has at most {LONGEST} characters")
    if not text.startswith("["):
        raise PathError(f"{text[:80]!r} does not begin with a [Provider]")
    provider, bracket, rest = text[1:].partition("]")
    if not bracket or not provider.strip():
        raise PathError(f"{text[:80]!r} names no provider")
    if not text.isprintable():
        raise PathError("a tag path holds printable characters only")
    return provider, tuple(name for name in rest.split("/") if name)


def join(provider: str, *names: str) -> str:
    """A path from its names; a name may itself hold slashes (a metric's folders)."""
    return f"[{provider}]" + "/".join(part for name in names for part in name.split("/") if part)


def is_provider(path: str) -> bool:
    """Whether a canonical path is a provider's own folder; a tag may well be called `Level [m]`."""
    return path.index("]") == len(path) - 1


def parent(path: str) -> str | None:
    """The folder a canonical path lies in; None for a provider's own folder."""
    if is_provider(path):
        return None
    folder, slash, _ = path.rpartition("/")
    return folder if slash else path[: path.index("]") + 1]


def name(path: str) -> str:
    """The last name of a canonical path; a provider's name in brackets for its own folder."""
    if is_provider(path):
        return path
    return path.rpartition("/")[2] if "/" in path else path[path.index("]") + 1 :]
