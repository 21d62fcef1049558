"""Named sets of redundancy times, for people who don't want to weigh each of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Profile(StrEnum):
    """`own`: the times are as they are written, one by one."""

    OWN = "own"
    FAST = "fast"
    CLASSIC = "classic"


@dataclass(frozen=True, slots=True)
class Preset:
    """All in seconds. `host_keep_alive` is the least keep-alive of the Engine's MQTT sessions.

    With a shorter one a broker would publish a silent host's Will, STATE offline, before its lease ends.
    """

    failover_timeout: float
    startup_allowance: float
    host_keep_alive: int


PRESETS: Mapping[Profile, Preset] = {
    Profile.FAST: Preset(2.0, 10.0, 2),
    Profile.CLASSIC: Preset(10.0, 30.0, 7),
}
FILLED = ("failover_timeout", "startup_allowance")
"""What a profile decides of a node's settings."""


def filled(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with what their profile decides, where they leave it open. A profile unknown stays so."""
    return decided(raw.get("profile")) | dict(raw)


def decided(profile: object) -> dict[str, Any]:
    """The settings that a profile decides, by their names; nothing for one that decides none."""
    preset = next((PRESETS[name] for name in PRESETS if name == profile), None)
    return {} if preset is None else {name: getattr(preset, name) for name in FILLED}


def clash(profile: Profile, settings: object) -> tuple[str, str] | None:
    """Field and reason of a setting that says otherwise than the profile, None if they agree."""
    for name, wanted in decided(profile).items():
        if getattr(settings, name) != wanted:
            return name, f"is {wanted:g} s in the profile {profile.value}; for another, take the profile own"
    return None


def least_keep_alive(profile: Profile) -> int:
    """Of the Engine's sessions, in seconds."""
    preset = PRESETS.get(profile)
    return 0 if preset is None else preset.host_keep_alive
