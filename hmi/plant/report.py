"""The plant's tables for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hmi.plant.credentials import FILE, PEOPLE
from hmi.plant.layout import Layout


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Rows of equal keys as aligned columns; None is a dash."""
    if not rows:
        return ""
    columns = list(rows[0])
    cells = [[_text(row[column]) for column in columns] for row in rows]
    widths = [max(len(column), *(len(row[i]) for row in cells)) for i, column in enumerate(columns)]
    lines = [columns, ["-" * width for width in widths], *cells]
    return "\n".join(
        "  ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def addresses(plant: Layout, people: dict[str, Any], folder: Path) -> str:
    """Where the plant's pages and brokers are, and who may sign in."""
    nodes = [
        {
            "node": n.name,
            "gateway": n.gateway,
            "role": n.role.value,
            "pages": n.url,
            "mqtt": n.mqtt and str(n.mqtt),
        }
        for n in plant.nodes
    ]
    accounts = [
        {"sign in as": people[name]["username"], "password": people[name]["password"], "role": role}
        for name, role in PEOPLE.items()
    ]
    accounts += [
        {"sign in as": account["username"], "password": account["password"], "role": "MQTT"}
        for account in people["mqtt"].values()
    ]
    return f"\n{table(nodes)}\n\n{table(accounts)}\n\nAlso in {folder / FILE}, with API tokens.\n"


def _text(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
