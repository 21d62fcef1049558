"""What the strip and the banner say about a gateway: one pure reading of it, for pages and feed alike.

The server writes it into the page and sends it again whenever it changes, so that the words a person
reads are made in one place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hmi.live.moment import milliseconds

CALM, ATTENTION, ALARM = "calm", "attention", "alarm"
_WORST = (ALARM, ATTENTION, CALM)

# What the nine states look like. The weight of a chip says who acts: solid, outlined, dashed.
_LOOKS = {
    "Active": "active",
    "Standby": "standby",
    "Starting": "attention",
    "Syncing": "attention",
    "Candidate": "attention",
    "Draining": "attention",
    "Maintenance": "attention",
    "Fenced": "alarm",
    "Conflict": "alarm",
}

Gateway = Mapping[str, Any]


def look(state: str) -> str:
    """The chip of a state: active, standby, attention or alarm; `down` for anything else."""
    return _LOOKS.get(state, "standby" if state in ("Warm", "Cold") else "down")


def silent(last: Gateway, why: str = "This node's worker does not answer.") -> dict[str, Any]:
    """What may be said of a node whose worker is silent: who it is, and nothing of what it does."""
    return {**last, "state": "Starting", "why": why, "peer": None, "witness": None, "lag": None}


def sketch(gateway: Gateway, urls: Sequence[str] = ()) -> dict[str, Any]:
    """`{"strip": {field: {text, look, since}}, "banner": [{level, text, href, link}]}`.

    `since` is ms since 1970 or None; `urls` are the pair's two addresses, this node's first.
    """
    return {"strip": strip(gateway), "banner": banner(gateway, urls)}


def strip(gateway: Gateway) -> dict[str, dict[str, Any]]:
    """The strip's fields that come from the gateway, as short texts."""
    state, epoch, lag = str(gateway.get("state", "")), gateway.get("epoch"), gateway.get("lag")
    return {
        "state": _field(state or "unknown", look(state)),
        "role": _field(str(gateway.get("role") or "–")),
        "epoch": _field("–" if epoch is None else str(epoch)),
        "peer": _peer(gateway),
        "witness": _witness(gateway),
        "lag": _field("–" if lag is None else str(lag), ATTENTION if lag else CALM),
    }


def banner(gateway: Gateway, urls: Sequence[str] = ()) -> list[dict[str, str]]:
    """What is abnormal, a sentence each, the worst first. Empty when there is nothing to say."""
    found = [*_own(gateway, urls), *_others(gateway)]
    return sorted(found, key=lambda said: _WORST.index(said["level"]))


def active_node(gateway: Gateway) -> str:
    """The name of the node that acts, empty if nobody is known to."""
    peer = gateway.get("peer") or {}
    if gateway.get("state") == "Active":
        return str(gateway.get("node", ""))
    return str(peer.get("node", "")) if peer.get("connected") and peer.get("state") == "Active" else ""


def _field(text: str, look: str = CALM, since: int | None = None) -> dict[str, Any]:
    return {"text": text, "look": look, "since": since}


def _peer(gateway: Gateway) -> dict[str, Any]:
    peer = gateway.get("peer")
    if not peer:
        return _field("none" if gateway.get("role") == "Independent" else "–")
    if not peer.get("connected"):
        return _field("down", ALARM, milliseconds(peer.get("last_seen")))
    state = str(peer.get("state") or "connected")
    return _field(state, {"active": CALM, "standby": CALM}.get(look(state), ATTENTION))


def _witness(gateway: Gateway) -> dict[str, Any]:
    witness = gateway.get("witness")
    if not witness:
        return _field("none")
    return (
        _field("ok")
        if witness.get("connected")
        else _field("down", ATTENTION, milliseconds(witness.get("last_seen")))
    )


def _own(gateway: Gateway, urls: Sequence[str]) -> list[dict[str, str]]:
    state, node, why = (str(gateway.get(name) or "") for name in ("state", "node", "why"))
    if state == "Active":
        return []
    acting = active_node(gateway)
    if acting and state == "Standby":
        link = {"href": urls[1], "link": f"Go to {acting}"} if len(urls) > 1 else {}
        return [_said(CALM, f"{node} is the standby: values are live, changes are made on {acting}.", **link)]
    level = ALARM if look(state) in ("alarm", "down") else ATTENTION
    return [_said(level, f"{node} is {state.lower() or 'silent'}. {why}".strip(), **_explained())]


def _others(gateway: Gateway) -> list[dict[str, str]]:
    found = []
    peer, witness = gateway.get("peer") or {}, gateway.get("witness") or {}
    if peer and not peer.get("connected"):
        text = f"{peer.get('node') or 'The other node'} is down: nothing takes over if this node fails."
        found.append(_said(ALARM, text, **_explained()))
    if witness and not witness.get("connected"):
        found.append(
            _said(
                ATTENTION, "The witness does not answer: the next failure may need a person.", **_explained()
            )
        )
    for module, text in (gateway.get("modules") or {}).items():
        if str(text).startswith("Faulted"):
            found.append(_said(ALARM, f"{str(module).capitalize()}: {text}", **_explained()))
    if gateway.get("switch_pending"):
        found.append(_said(ATTENTION, "The role is being handed over: writes wait."))
    found += [_said(ATTENTION, str(warning), **_explained()) for warning in gateway.get("warnings") or ()]
    return found


def _said(level: str, text: str, href: str = "", link: str = "") -> dict[str, str]:
    return {"level": level, "text": text, "href": href, "link": link}


def _explained() -> dict[str, str]:
    return {"href": "/status/redundancy/", "link": "Explain"}
