"""`/ws/live` over a real Redis: who gets in, what one gets, and what happens when something breaks."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator
from django.conf import settings as project

from hmi import desk
from hmi.live import consumers
from hmi.live.hub import Hub
from hmi.live.routing import websockets
from hmi.people.models import Token, User
from hmi.replication.people import token_hash
from tests.hmi.fake_runtime import ENGINE, TAG_1, FakeRuntime
from tests.hmi.live_node import OTHER, OWN, signed_in

pytestmark = pytest.mark.django_db(transaction=True)

STATE = f"{ENGINE}/Redundancy State"


class Socket(WebsocketCommunicator):
    """A browser's socket that reads frames by their type."""

    async def say(self, **frame: Any) -> None:
        await self.send_to(text_data=json.dumps(frame))

    async def next(self, *kinds: str, patience: float = 5.0) -> dict[str, Any]:
        """The next frame of one of these kinds; others are passed over."""
        async with asyncio.timeout(patience):
            while True:
                text = await self.receive_from(timeout=patience)
                frame: dict[str, Any] = json.loads(text)
                if frame["type"] in kinds:
                    return frame

    async def value(self, path: str, wanted: Callable[[Any], bool]) -> list[Any]:
        """The first point of `path` in a birth or in data that is as wanted."""
        while True:
            frame = await self.next("birth", "data")
            if path in frame["values"] and wanted(frame["values"][path]):
                return frame["values"][path]


@pytest.fixture
async def hub(node: FakeRuntime) -> Hub:
    return Hub(node.url, desk.aask, desk.agateway, desk.DeskError, [OWN, OTHER])


@pytest.fixture
async def dial(hub: Hub) -> AsyncIterator[Callable[..., Socket]]:
    """Dials as this person, from this origin; everything that was dialled is hung up at the end."""
    dialled: list[Socket] = []
    application = websockets(hub)

    def dial(user: User | None, origin: str | None = OWN, token: str = "", path: str = "/ws/live") -> Socket:
        headers = [(b"origin", origin.encode())] if origin is not None else []
        if user is not None:
            cookie = signed_in(user).cookies[project.SESSION_COOKIE_NAME].value
            headers.append((b"cookie", f"{project.SESSION_COOKIE_NAME}={cookie}".encode()))
        if token:
            headers.append((b"authorization", f"Bearer {token}".encode()))
        socket = Socket(application, path, headers=headers)
        dialled.append(socket)
        return socket

    yield sync_to_async(dial)
    for socket in dialled:
        await socket.disconnect()


async def test_nobody_is_refused(dial: Any) -> None:
    connected, code = await (await dial(None)).connect()
    assert (connected, code) == (False, 4401)


@pytest.mark.parametrize("origin", ["http://evil.example", "http://127.0.0.1:26102", "null", f"{OWN}/", None])
async def test_a_session_from_any_other_page_is_refused(dial: Any, people: Any, origin: str | None) -> None:
    connected, code = await (await dial(people["administrator"], origin)).connect()
    assert (connected, code) == (False, 4403)


async def test_both_nodes_pages_may_dial(dial: Any, people: Any) -> None:
    for origin in (OWN, OTHER):
        connected, _ = await (await dial(people["viewer"], origin)).connect()
        assert connected


async def test_another_address_is_refused(dial: Any, people: Any) -> None:
    connected, _ = await (await dial(people["viewer"], path="/ws/other")).connect()
    assert not connected


async def test_a_token_opens_the_feed_without_an_origin_but_never_with_a_foreign_one(
    dial: Any, people: Any
) -> None:
    await sync_to_async(Token.objects.create)(
        user=people["viewer"], name="t", hash=token_hash("secret"), created="2026-11-21T00:00:00Z"
    )
    assert (await (await dial(None, None, "secret")).connect())[0]
    assert (await (await dial(None, "http://evil.example", "secret")).connect()) == (False, 4403)
    assert (await (await dial(None, None, "wrong")).connect()) == (False, 4401)
    # A wrong token is nobody, whatever the cookies say.
    assert not (await (await dial(people["administrator"], OWN, "wrong")).connect())[0]


async def test_a_viewer_gets_a_birth_and_then_numbered_changes(
    dial: Any, people: Any, node: FakeRuntime
) -> None:
    socket = await dial(people["viewer"])
    await socket.connect()
    await socket.say(type="subscribe", paths=[TAG_1, STATE, "[default]Nowhere"])
    birth = await socket.next("birth")
    assert (birth["epoch"], birth["seq"]) == (12, 0)
    assert birth["values"][TAG_1][:2] == [10, "Good"]
    assert birth["values"]["[default]Nowhere"] == [None, "NotFound", 0]
    for number in (1, 2, 3):
        await asyncio.to_thread(node.put, TAG_1, 100 + number)
        data = await socket.next("birth", "data")
        assert (data["type"], data["seq"], data["epoch"]) == ("data", number, 12)
        assert data["values"][TAG_1][:2] == [100 + number, "Good"]


async def test_who_asks_for_a_birth_after_a_gap_gets_one(dial: Any, people: Any) -> None:
    socket = await dial(people["viewer"])
    await socket.connect()
    await socket.say(type="subscribe", paths=[TAG_1])
    await socket.next("birth")
    await socket.say(type="birth")
    assert (await socket.next("birth", "data"))["type"] == "birth"


async def test_a_page_without_tags_gets_an_empty_birth_and_the_node_s_state(dial: Any, people: Any) -> None:
    socket = await dial(people["viewer"])
    await socket.connect()
    await socket.say(type="subscribe", paths=[])
    seen = {}
    while {"birth", "gateway", "ping"} - seen.keys():
        frame = await socket.next("birth", "gateway", "ping")
        seen[frame["type"]] = frame
    assert seen["birth"]["values"] == {}
    assert seen["gateway"]["state"] == "Active"
    assert seen["gateway"]["strip"]["epoch"]["text"] == "12"
    assert "lease_until" not in seen["gateway"]


async def test_the_server_pings_every_second_with_its_time(dial: Any, people: Any) -> None:
    socket = await dial(people["viewer"])
    await socket.connect()
    times = [(await socket.next("ping"))["server_time"] for _ in range(3)]
    assert times == sorted(times)
    assert times[-1] - times[0] < 3000


async def test_a_change_of_the_pair_s_state_is_told(dial: Any, people: Any, node: FakeRuntime) -> None:
    socket = await dial(people["viewer"])
    await socket.connect()
    await socket.next("gateway")
    await asyncio.to_thread(node.become, "Standby", 13, "Active")
    frame = await socket.next("gateway")
    assert frame["state"] == "Standby"
    assert frame["strip"]["state"] == {"text": "Standby", "look": "standby", "since": None}
    assert "primary-backup" in frame["banner"][0]["text"]


async def test_a_new_epoch_brings_a_birth(dial: Any, people: Any, node: FakeRuntime) -> None:
    socket = await dial(people["viewer"])
    await socket.connect()
    await socket.say(type="subscribe", paths=[TAG_1])
    await socket.next("birth")
    await asyncio.to_thread(node.become, "Active", 13, "Standby")
    await asyncio.to_thread(node.put, TAG_1, 77)
    frame = await socket.next("birth", "data")
    while frame["epoch"] != 13:
        frame = await socket.next("birth", "data")
    assert (frame["type"], frame["seq"]) == ("birth", 0)


async def test_a_worker_that_falls_silent_turns_values_stale_and_a_new_run_brings_a_birth(
    dial: Any, people: Any, node: FakeRuntime
) -> None:
    socket = await dial(people["viewer"])
    await socket.connect()
    await socket.say(type="subscribe", paths=[TAG_1])
    await socket.next("birth")
    await asyncio.to_thread(node.stop)
    assert (await socket.value(TAG_1, lambda point: point[1] == "Stale"))[0] == 10
    again = FakeRuntime(node.url, node.node).start()
    try:
        await asyncio.to_thread(again.put, TAG_1, 11)
        await socket.value(TAG_1, lambda point: point[:2] == [11, "Good"])
    finally:
        await asyncio.to_thread(again.stop)


async def test_unwatched_tags_are_not_sent(dial: Any, people: Any, node: FakeRuntime) -> None:
    socket = await dial(people["viewer"])
    await socket.connect()
    await socket.say(type="subscribe", paths=[TAG_1, STATE])
    await socket.next("birth")
    await socket.say(type="unsubscribe", paths=[TAG_1])
    await asyncio.sleep(0.1)
    await asyncio.to_thread(node.put, TAG_1, 1)
    await asyncio.to_thread(node.put, STATE, "Draining", "String")
    data = await socket.next("data")
    assert list(data["values"]) == [STATE]


async def test_values_come_under_the_spelling_that_was_asked(dial: Any, people: Any) -> None:
    asked = "[MQTT Engine]/Engine Info/Redundancy State"
    socket = await dial(people["viewer"])
    await socket.connect()
    await socket.say(type="subscribe", paths=[asked])
    assert (await socket.next("birth"))["values"][asked][0] == "Active"


async def test_two_browsers_count_for_themselves(dial: Any, people: Any, node: FakeRuntime) -> None:
    first = await dial(people["viewer"])
    await first.connect()
    await first.say(type="subscribe", paths=[TAG_1])
    await first.next("birth")
    await asyncio.to_thread(node.put, TAG_1, 1)
    assert (await first.next("data"))["seq"] == 1
    second = await dial(people["operator"])
    await second.connect()
    await second.say(type="subscribe", paths=[TAG_1])
    assert (await second.next("birth"))["values"][TAG_1][0] == 1
    await asyncio.to_thread(node.put, TAG_1, 2)
    assert (await first.next("data"))["seq"] == 2
    assert (await second.next("data"))["seq"] == 1


async def test_a_malformed_frame_is_answered_and_the_tenth_closes(dial: Any, people: Any) -> None:
    socket = await dial(people["viewer"])
    await socket.connect()
    for _ in range(10):
        await socket.say(type="admin", do="everything")
        error = await socket.next("error")
        assert error["error"] == "unknown-type"
        assert error["reason"]
    closed = await socket.receive_output(5)
    while closed["type"] != "websocket.close":
        closed = await socket.receive_output(5)
    assert closed["code"] == 4400


async def test_more_paths_than_allowed_are_refused_over_several_frames(
    dial: Any, people: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers, "MOST_PATHS", 3)
    socket = await dial(people["viewer"])
    await socket.connect()
    await socket.say(type="subscribe", paths=["[P]a", "[P]b"])
    await socket.say(type="subscribe", paths=["[P]c", "[P]d"])
    assert (await socket.next("error"))["error"] == "too-many"


@pytest.mark.parametrize("loss", ["sign-out", "demoted", "disabled", "deleted"])
async def test_who_may_no_longer_look_is_cut_off(
    dial: Any, people: Any, monkeypatch: pytest.MonkeyPatch, loss: str
) -> None:
    monkeypatch.setattr(consumers, "RECHECK", 0.2)
    user = people["operator"]
    socket = await dial(user)
    await socket.connect()
    await socket.next("ping")

    def lose() -> None:
        if loss == "deleted":
            user.delete()
        elif loss == "sign-out":
            user.set_password("another long password")
            user.save()
        else:
            user.is_active = loss != "disabled"
            user.role = "nobody" if loss == "demoted" else user.role
            user.save()

    await sync_to_async(lose)()
    closed = await socket.receive_output(5)
    while closed["type"] != "websocket.close":
        closed = await socket.receive_output(5)
    assert closed["code"] == 4403


async def test_a_browser_that_stopped_reading_is_owed_the_newest_only(
    dial: Any, people: Any, node: FakeRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers, "PATIENCE", 0.3)
    socket = await dial(people["viewer"])
    await socket.connect()
    await socket.say(type="subscribe", paths=[TAG_1])
    await socket.say(type="pong")
    await socket.next("birth")
    await asyncio.sleep(0.5)
    for number in range(5):
        await asyncio.to_thread(node.put, TAG_1, 1000 + number)
        await asyncio.sleep(0.15)
    await socket.say(type="pong")
    data = await socket.next("data")
    assert (data["seq"], data["values"][TAG_1][0]) == (1, 1004)


async def test_with_the_last_browser_the_subscription_ends(dial: Any, people: Any, hub: Hub) -> None:
    socket = await dial(people["viewer"])
    await socket.connect()
    await socket.next("ping")
    assert hub.running
    await socket.disconnect()
    assert not hub.running
