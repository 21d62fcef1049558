"""/config/conflicts/ : edits that were made on both sides of a cut, side by side, and a person's choice."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from hmi.pages.errors import problem
from hmi.people.audit import Actor
from hmi.people.guard import require
from hmi.people.rights import Right
from hmi.replication import choices, conflicts
from hmi.replication.models import Conflict
from hmi.replication.schema import Invalid

_SHOWN = 200
_LONGEST_REASON = 500
_SETTLED = 20


@require_safe
@require(Right.CONFIGURE)
def index(request: HttpRequest) -> HttpResponse:
    waiting = [
        {"conflict": each, "rows": rows[:_SHOWN], "left_off": max(0, len(rows) - _SHOWN)}
        for each in conflicts.open_ones()
        for rows in [choices.compared(each)]
    ]
    settled = Conflict.objects.exclude(settled_at=None).order_by("-settled_at")[:_SETTLED]
    return render(request, "pages/conflicts.html", {"waiting": waiting, "settled": settled})


@require_POST
@require(Right.CONFIGURE)
def choose(request: HttpRequest) -> HttpResponse:
    """`choice`: all, ticked (those in `take`) or none."""
    posted = request.POST
    reason, name = posted.get("reason", "").strip()[:_LONGEST_REASON], posted.get("name", "")
    choice = posted.get("choice")
    if not reason or choice not in ("all", "ticked", "none"):
        return problem(request, 422, "This needs a choice and a reason: both are kept on record.", "Say why.")
    taken = {"all": None, "ticked": posted.getlist("take"), "none": []}[choice]
    try:
        count = choices.choose(name, taken, Actor.of(request), reason)
    except choices.NoSuchConflict:
        return problem(request, 404, f"No conflict of the name {name!r} waits for a choice.", "Look again.")
    except Invalid as error:
        why = "Take what belongs together, or edit by hand and keep what is in force."
        return problem(request, 409, str(error), why, href="/config/conflicts/", link="Conflicts")
    done = f"Taken: {count}." if count else "What is in force stays."
    messages.success(request, f"{name}: {done}")
    return redirect("conflicts")
