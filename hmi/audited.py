"""What somebody has the runtime do, with its audit row: the one road of every person's order.

Pages and API both come here, so an order that reached the runtime is never without its row. Blocking.
"""

from __future__ import annotations

from typing import Any

from hmi import desk
from hmi.people import audit
from hmi.people.audit import Actor

WRITE_PATIENCE = 10.0


def order(actor: Actor, op: str, reason: str = "", **arguments: Any) -> dict[str, Any]:
    """Failover, maintenance or re-sync. Raises DeskError when it is refused; that is on record, too."""
    # A re-sync's reason is for the record only; the runtime asks for none.
    if op != "resync":
        arguments["reason"] = reason
    try:
        answer: dict[str, Any] = desk.ask(op, by=actor.who, **arguments) or {}
    except desk.DeskError as error:
        why = f"{reason} ({error.reason})" if reason else error.reason
        audit.record(actor, op, "redundancy", outcome=audit.REFUSED, reason=why)
        raise
    told = {name: value for name, value in arguments.items() if name != "reason"}
    audit.record(actor, op, "redundancy", new=answer.get("changeover") or told or "", reason=reason)
    return answer


def write(actor: Actor, writes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Outcomes in order: {"path", "outcome", "detail", "old"}. Raises DeskError if nobody answers."""
    try:
        outcomes: list[dict[str, Any]] = desk.ask(
            "write", timeout=WRITE_PATIENCE, writes=writes, by=actor.who
        )
    except desk.DeskError as error:
        # The order may have reached the runtime before it fell silent: nobody may read "not done" here.
        remember(actor, writes, [{"outcome": "unknown", "detail": error.reason} for _ in writes])
        raise
    remember(actor, writes, outcomes)
    return outcomes


def remember(actor: Actor, writes: list[dict[str, Any]], outcomes: list[dict[str, Any]]) -> None:
    """One audit row for each write."""
    for asked, came in zip(writes, outcomes, strict=True):
        audit.record(
            actor,
            "write",
            asked["path"],
            old=came.get("old"),
            new=asked["value"],
            outcome=str(came["outcome"]),
            reason=str(came.get("detail") or ""),
        )
