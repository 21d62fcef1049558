"""The tutorial's three dashboards (its step 8), as the documents that a plant's configuration holds.

Each is a dict with the fields of `Dashboard` and, under `widgets`, those of `Widget`.
"""

from __future__ import annotations

from typing import Any

_ENGINE = "[MQTT Engine]Engine Info"
_EDGES = "[MQTT Engine]Edge Nodes"
_TRANSMISSION = "[MQTT Transmission]Transmission Info"


def primary(
    group: str = "Group 1", device: str = "Device 1", server: str = "Chariot SCADA"
) -> dict[str, Any]:
    """`Ignition Primary`: the pair's state, each edge's tag, and who is connected."""
    edges = ("Edge 1", "Edge 2")
    return _dashboard(
        "primary",
        "Ignition Primary",
        _label("Redundancy State", f"{_ENGINE}/Redundancy State"),
        _label("Redundancy Role", f"{_ENGINE}/Redundancy Role"),
        *(
            _label(f"{edge} Tag 1", f"{_EDGES}/{group}/{edge}/{device}/Tag 1", writable=True)
            for edge in edges
        ),
        _connected("MQTT Engine Connected", f"{_ENGINE}/MQTT Clients/{server}/Online"),
        *(_connected(f"{edge} Connected", f"{_EDGES}/{group}/{edge}/Node Info/Online") for edge in edges),
    )


def edge(name: str, group: str = "Group 1", device: str = "Device 1") -> dict[str, Any]:
    """`Ignition Edge 1`, `Ignition Edge 2`: the pair's state, its own tag, and its connection."""
    return _dashboard(
        name.lower().replace(" ", "-"),
        f"Ignition {name}",
        _label("Redundancy State", f"{_TRANSMISSION}/Redundancy State"),
        _label("Redundancy Role", f"{_TRANSMISSION}/Redundancy Role"),
        _label("Tag 1", f"[default]Edge Nodes/{group}/{name}/{device}/Tag 1", writable=True),
        _connected("MQTT Transmission Connected", f"{_TRANSMISSION}/MQTT Clients/{group}-{name}/Online"),
    )


def _dashboard(slug: str, title: str, *widgets: dict[str, Any]) -> dict[str, Any]:
    return {"slug": slug, "title": title, "widgets": list(widgets)}


def _label(label: str, path: str, *, writable: bool = False) -> dict[str, Any]:
    return {"kind": "value", "label": label, "path": path, "writable": writable}


def _connected(label: str, path: str) -> dict[str, Any]:
    states = [
        {"value": True, "label": "Connected", "style": "normal"},
        {"value": False, "label": "Not connected", "style": "alarm"},
    ]
    return {"kind": "indicator", "label": label, "path": path, "states": states}
