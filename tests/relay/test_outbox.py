"""What is read is kept: outbox and input, over crashes, damage, bounds and full disks."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from redundancy.relay.inbox import Inbox, Line, Progress
from redundancy.relay.lines import Chunk, InputError, LineInput
from redundancy.relay.outbox import Bounds, Outbox
from redundancy.relay.sink import FileSink, SinkError
from redundancy.relay.store import StoreError


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    made = Outbox(tmp_path / "outbox", Bounds())
    yield made
    made.close()


def put(outbox: Outbox, *payloads: bytes, at: int = 0) -> None:
    outbox.append([("works", payload) for payload in payloads], at, None, {})


def chunks(path: Path, place: object = None, longest: int = 100) -> list[Chunk]:
    return list(LineInput(path, place, longest=longest).chunks())  # type: ignore[arg-type]


def test_numbers_and_the_publishers_name_go_on_over_a_restart(tmp_path: Path) -> None:
    first = Outbox(tmp_path / "outbox", Bounds())
    put(first, b"a", b"b", b"c")
    first.forget(4, {})
    first.close()
    second = Outbox(tmp_path / "outbox", Bounds())
    put(second, b"d")
    assert second.publisher == first.publisher
    assert (second.floor, second.top, second.rows) == (4, 4, 1)
    assert [row.number for row in second.read(1, 10)] == [4]
    second.close()


def test_the_place_in_the_input_moves_with_the_rows_or_not_at_all(outbox: Outbox, tmp_path: Path) -> None:
    file = tmp_path / "lines"
    file.write_bytes(b"one\ntwo\nthr")
    chunk = next(LineInput(file, None, longest=100).chunks())
    outbox.append([("works", line) for line in chunk.lines], 0, chunk.place, {"read": 2})
    assert outbox.place is not None
    assert outbox.place.offset == 8
    file.write_bytes(b"one\ntwo\nthree\nfour")
    rest = chunks(file, outbox.place)
    assert [line for found in rest for line in found.lines] == [b"three", b"four"]


def test_a_file_that_was_replaced_is_not_read_on_from_the_middle(tmp_path: Path) -> None:
    file = tmp_path / "lines"
    file.write_bytes(b"one\ntwo\n")
    place = chunks(file)[-1].place
    for other in (b"one\n", b"1.0\n2.0\nthree\n"):
        file.write_bytes(other)
        with pytest.raises(InputError, match="replaced or cut"):
            chunks(file, place)


def test_a_line_that_is_too_long_is_left_out_however_it_comes_in(tmp_path: Path) -> None:
    file = tmp_path / "lines"
    file.write_bytes(b"a\n" + b"x" * 200_000 + b"\nb\r\n" + b"y" * 101 + b"\n" + b"z" * 100 + b"\nend")
    found = chunks(file)
    assert [line for chunk in found for line in chunk.lines] == [b"a", b"b", b"z" * 100, b"end"]
    assert sum(chunk.overlong for chunk in found) == 2
    for chunk in found[:-1]:  # a crash behind any of them
        again = chunks(file, chunk.place)
        assert sum(one.overlong for one in again) <= 2
        assert again[-1].lines[-1] == b"end"


def test_a_file_that_grows_gives_its_last_line_only_with_its_end(tmp_path: Path) -> None:
    file = tmp_path / "lines"
    file.write_bytes(b"one\ntw")
    reading = LineInput(file, None, longest=100, follow=True).chunks()
    assert next(reading).lines == [b"one"]
    with file.open("ab") as more:
        more.write(b"o\n")
    assert next(chunk.lines for chunk in islice(reading, 3) if chunk.lines) == [b"two"]


def test_what_has_no_room_makes_reading_wait_or_drops_the_oldest(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "one", Bounds(rows=3))
    put(outbox, b"a", b"b", b"c")
    assert not outbox.has_room()
    assert outbox.surplus(0) == 1
    outbox.close()
    dropping = Outbox(tmp_path / "two", Bounds(rows=3, drop_oldest=True))
    put(dropping, *[b"%d" % n for n in range(10)])
    assert dropping.has_room()
    assert dropping.surplus(0) == 8
    dropping.forget(8, {})
    assert dropping.rows == 3
    dropping.close()


def test_the_bound_in_bytes_and_the_bound_in_time_hold_too(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "one", Bounds(size=10_000, drop_oldest=True))
    put(outbox, *[b"x" * 1000] * 20)
    outbox.forget(outbox.surplus(0), {})
    assert 5_000 < outbox.size <= 10_000
    outbox.close()
    aging = Outbox(tmp_path / "two", Bounds(age=10.0))
    put(aging, b"old", at=1_000)
    put(aging, b"new", at=9_000)
    assert aging.surplus(12_000) == 2
    aging.close()


def test_a_refused_message_is_kept_aside_with_the_reason(outbox: Outbox, tmp_path: Path) -> None:
    put(outbox, b"a", b"b")
    outbox.put_aside(1, 0x87, "broker:1883")
    outbox.close()
    with sqlite3.connect(tmp_path / "outbox") as db:
        rows = db.execute("SELECT number, payload, code, server FROM aside").fetchall()
        assert rows == [(1, b"a", 0x87, "broker:1883")]
        assert db.execute("SELECT number FROM messages").fetchall() == [(2,)]
    db.close()
    outbox.__init__(tmp_path / "outbox", Bounds())  # type: ignore[misc]


@pytest.mark.parametrize("damage", ["text", "middle"])
def test_a_damaged_file_is_named_and_not_touched(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "outbox"
    if damage == "text":
        path.write_bytes(b"this is no outbox " * 100)
    else:
        made = Outbox(path, Bounds())
        put(made, *[b"x" * 500] * 100)
        made.close()
        with path.open("r+b") as file:
            file.seek(4096)
            file.write(os.urandom(20_000))
    before = path.read_bytes()
    with pytest.raises(StoreError, match=r"outbox .* is damaged"):
        Outbox(path, Bounds())
    assert path.read_bytes() == before


def test_two_publishers_never_share_an_outbox_and_an_inbox_is_none(outbox: Outbox, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="in use by another process"):
        Outbox(tmp_path / "outbox", Bounds())
    outbox.close()
    with pytest.raises(StoreError, match="is an outbox, not an inbox"):
        Inbox(tmp_path / "outbox")
    with pytest.raises(StoreError, match="can't be opened"):
        Outbox(tmp_path / "nowhere" / "outbox", Bounds())
    outbox.__init__(tmp_path / "outbox", Bounds())  # type: ignore[misc]


def test_what_was_written_and_not_committed_is_cut_off_at_the_next_start(tmp_path: Path) -> None:
    inbox, output = Inbox(tmp_path / "inbox"), tmp_path / "output"
    sink = FileSink(output, inbox.committed(str(output.resolve())))
    offset = sink.write(b"one\n")
    inbox.commit(Progress(marks={"p": 1}), sink.name, offset, 0)
    sink.write(b"two\n")  # and the power goes
    sink.close()
    inbox.close()
    inbox = Inbox(tmp_path / "inbox")
    FileSink(output, inbox.committed(str(output.resolve()))).close()
    assert output.read_bytes() == b"one\n"
    assert inbox.arrivals().streams["p"].through == 1
    inbox.close()


def test_an_output_that_was_cut_by_somebody_else_is_refused(tmp_path: Path) -> None:
    output = tmp_path / "output"
    output.write_bytes(b"on")
    with pytest.raises(SinkError, match="replaced or cut"):
        FileSink(output, 4)
    FileSink(output, None).close()
    assert output.read_bytes() == b"on"


def test_what_is_held_back_without_a_promise_survives_the_receiver(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path / "inbox")
    held = [("p", number, Line("works", b"x", 0)) for number in (3, 4)]
    inbox.commit(Progress(marks={"p": 1}, held=held), "-", 0, 0)
    inbox.close()
    inbox = Inbox(tmp_path / "inbox")
    stream = inbox.arrivals().streams["p"]
    assert sorted(stream.held) == [3, 4]
    inbox.commit(Progress(marks={"p": 3}), "-", 0, 0)
    assert sorted(inbox.arrivals().streams["p"].held) == [4]
    inbox.close()
