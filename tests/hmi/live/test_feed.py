"""The pure half of the live feed: what a browser holds is what the worker has, whatever got lost between."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hmi.live.feed import NOT_FOUND, UNKNOWN, Gap, Image, Outbox, Point, apply, point

PATHS = ("a", "b", "c")
VALUES = st.tuples(st.integers(0, 9), st.sampled_from(["Good", "Stale", "Bad"]), st.integers(1, 99))
CHANGES = st.dictionaries(st.sampled_from(PATHS), VALUES, min_size=1)


def batch(seq: int, values: dict[str, Any], run: str = "r", epoch: int = 1) -> dict[str, Any]:
    return {
        "run": run,
        "epoch": epoch,
        "seq": seq,
        "values": {path: list(each) for path, each in values.items()},
    }


class Worker:
    """What a worker publishes, by the book: numbered batches, and answers to `watch`."""

    def __init__(self, run: str = "r") -> None:
        self.run, self.seq, self.epoch = run, 0, 1
        self.values: dict[str, Point] = dict.fromkeys(PATHS, (0, "Good", 1))

    def change(self, changes: dict[str, Point]) -> dict[str, Any]:
        self.values |= changes
        self.seq += 1
        return batch(self.seq, changes, self.run, self.epoch)

    def birth(self) -> dict[str, Any]:
        return batch(self.seq, self.values, self.run, self.epoch)


class Reader:
    """A browser, by the contract: a birth replaces everything, data adds up, a gap asks for a birth."""

    def __init__(self) -> None:
        self.held: dict[str, Point] = {}
        self.seq = self.epoch = -1

    def read(self, frame: dict[str, Any]) -> bool:
        """False: this frame does not follow the last one."""
        if frame["type"] == "birth":
            self.held, self.seq, self.epoch = dict(frame["values"]), 0, frame["epoch"]
        elif frame["type"] == "data":
            if frame["epoch"] != self.epoch or frame["seq"] != self.seq + 1:
                return False
            self.held, self.seq = apply(frame["values"], self.held), frame["seq"]
        return True


@given(st.lists(CHANGES))
def test_applying_every_change_gives_what_a_new_reader_fetches(history: list[dict[str, Point]]) -> None:
    worker, image = Worker(), Image()
    image.restart(worker.birth())
    held = image.fetch(PATHS)
    for changes in history:
        held = apply(image.fold(worker.change(changes)), held)
    assert held == image.fetch(PATHS) == worker.values


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("change"), CHANGES),
            st.tuples(st.just("lost"), CHANGES),
            st.sampled_from(
                [("drain", None), ("renew", None), ("restart", None), ("epoch", None), ("late", None)]
            ),
        )
    )
)
def test_whatever_happens_on_the_way_a_browser_ends_with_the_worker_s_values(
    story: list[tuple[str, Any]],
) -> None:
    worker, image, outbox, browser = Worker(), Image(), Outbox(), Reader()
    late: list[dict[str, Any]] = []

    def take(answer: dict[str, Any]) -> None:
        changes = image.restart(answer)
        if changes is None:
            outbox.birth_due = True
        else:
            outbox.change(changes, image.epoch)

    def hear(published: dict[str, Any]) -> None:
        try:
            outbox.change(image.fold(published), image.epoch)
        except Gap:
            take(worker.birth())

    def drain() -> None:
        for frame in outbox.drain(image, PATHS):
            assert browser.read(frame), "the server never sends a gap"

    take(worker.birth())
    for what, changes in story:
        if what == "change":
            hear(worker.change(changes))
        elif what == "lost":
            late.append(worker.change(changes))
        elif what == "renew":
            take(worker.birth())
        elif what == "restart":
            worker = Worker(worker.run + "r")
        elif what == "epoch":
            worker.epoch += 1
        elif what == "late" and late:
            hear(late.pop())
        else:
            drain()
    take(worker.birth())
    drain()
    assert browser.held == worker.values
    assert browser.epoch == worker.epoch


def test_a_batch_that_overtakes_the_answer_keeps_its_newer_value() -> None:
    worker, image = Worker(), Image()
    image.restart(worker.birth())
    answer = worker.birth()
    image.fold(worker.change({"a": (5, "Good", 2)}))
    assert image.restart(answer) == {}
    assert image.fetch(["a"]) == {"a": (5, "Good", 2)}


def test_a_lost_batch_and_another_run_are_gaps() -> None:
    worker, image = Worker(), Image()
    image.restart(worker.birth())
    worker.change({"a": (1, "Good", 1)})
    with pytest.raises(Gap):
        image.fold(worker.change({"b": (1, "Good", 1)}))
    with pytest.raises(Gap):
        image.fold(Worker("another").change({"a": (1, "Good", 1)}))


def test_a_batch_that_the_answer_had_already_changes_nothing() -> None:
    worker, image = Worker(), Image()
    old = worker.change({"a": (1, "Good", 1)})
    image.restart(worker.birth())
    assert image.fold(old) == {}


def test_values_of_a_silent_worker_stay_readable_and_turn_stale_once() -> None:
    worker, image = Worker(), Image()
    worker.values["b"] = (None, "Bad", 1)
    image.restart(worker.birth())
    assert image.lose()
    assert not image.lose()
    assert image.fetch(["a", "b", "z"]) == {"a": (0, "Stale", 1), "b": (None, "Bad", 1), "z": UNKNOWN}
    assert image.restart(worker.birth()) is None, "when it is back everybody needs a birth"
    assert image.fetch(["a", "z"]) == {"a": (0, "Good", 1), "z": NOT_FOUND}


def test_a_slow_browser_is_owed_one_value_a_tag_however_often_it_changed() -> None:
    worker, image, outbox = Worker(), Image(), Outbox()
    image.restart(worker.birth())
    outbox.birth_due = True
    outbox.drain(image, PATHS)
    for number in range(1000):
        outbox.change(image.fold(worker.change({"a": (number, "Good", number + 1)})), image.epoch)
    assert len(outbox) == 1
    (frame,) = outbox.drain(image, PATHS)
    assert frame == {"type": "data", "epoch": 1, "seq": 1, "values": {"a": (999, "Good", 1000)}}


def test_a_new_epoch_means_a_birth() -> None:
    worker, image, outbox = Worker(), Image(), Outbox()
    image.restart(worker.birth())
    outbox.birth_due = True
    outbox.drain(image, PATHS)
    worker.epoch = 2
    outbox.change(image.fold(worker.change({"a": (1, "Good", 2)})), image.epoch)
    (frame,) = outbox.drain(image, PATHS)
    assert (frame["type"], frame["epoch"], frame["seq"]) == ("birth", 2, 0)


def test_of_the_node_s_states_only_the_newest_is_sent() -> None:
    outbox = Outbox()
    outbox.notice("gateway", {"state": "Candidate"})
    outbox.notice("gateway", {"state": "Active"})
    assert outbox.drain(Image(), ()) == [{"type": "gateway", "state": "Active"}]
    assert not outbox


@pytest.mark.parametrize(
    "raw", [None, 5, "Good", [1, "Good"], [1, 2, 3], [1, "Good", "now"], [1, "Good", True]]
)
def test_what_is_no_point_is_refused(raw: Any) -> None:
    with pytest.raises(ValueError, match="a point is"):
        point(raw)


@pytest.mark.parametrize("message", [{}, {"run": 1}, {"run": "r", "epoch": 1, "seq": 1, "values": [1]}])
def test_a_malformed_batch_is_refused_and_changes_nothing(message: dict[str, Any]) -> None:
    image = Image()
    image.restart(Worker().birth())
    before = image.fetch(PATHS)
    with pytest.raises((ValueError, Gap)):
        image.fold(message)
    assert image.fetch(PATHS) == before


def test_what_nobody_watches_is_forgotten() -> None:
    image = Image()
    image.restart(Worker().birth())
    image.keep(["a"])
    assert image.knows(["a"])
    assert not image.knows(["a", "b"])
