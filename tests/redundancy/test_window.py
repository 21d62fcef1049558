"""What an edge node keeps for a host that may not have it."""

from hypothesis import given
from hypothesis import strategies as st

from redundancy.edge.window import Sample, SampleWindow, by_device
from sparkplug import DataType, Metric


def sample(at: int, device: str | None = "Device 1") -> Sample:
    return Sample(device, Metric("Counter", DataType.Int64, at, at))


def times(samples: list[Sample]) -> list[int]:
    return [one.timestamp for one in samples]


def test_what_was_sent_lately_is_sent_again_to_a_new_host() -> None:
    window = SampleWindow(15.0, 100)
    for at in range(20):
        window.sent(sample(at), now=float(at))
    window.rewind(19.0)
    assert times(window.take(100, 19.0)) == list(range(4, 20))


def test_what_nobody_could_be_sent_waits_without_an_age_limit() -> None:
    window = SampleWindow(15.0, 100)
    window.wait(sample(1))
    window.rewind(1_000_000.0)
    assert times(window.take(10, 1_000_000.0)) == [1]
    assert window.waiting == 0


def test_samples_are_sent_again_in_the_order_of_their_time_though_live_ones_overtook_them() -> None:
    window = SampleWindow(15.0, 100)
    window.wait(sample(1))
    window.wait(sample(2))
    window.take(1, 10.0)
    window.sent(sample(9), 10.0)
    window.rewind(11.0)
    assert times(window.take(10, 11.0)) == [1, 2, 9]


def test_a_lost_session_keeps_its_last_samples_for_as_long_as_it_takes() -> None:
    window = SampleWindow(15.0, 100)
    window.sent(sample(1), 1.0)
    window.rewind(2.0)
    window.rewind(600.0)
    assert times(window.take(10, 600.0)) == [1]


def test_beyond_the_limit_the_oldest_goes_and_only_the_unsent_is_counted() -> None:
    window = SampleWindow(15.0, 3)
    window.sent(sample(1), 1.0)
    for at in (2, 3, 4):
        window.wait(sample(at))
    assert (len(window), window.dropped) == (3, 0)
    window.wait(sample(5))
    assert window.dropped == 1
    assert times(window.take(9, 5.0)) == [3, 4, 5]


def test_what_could_not_be_published_after_all_comes_first_next_time() -> None:
    window = SampleWindow(15.0, 100)
    for at in range(5):
        window.wait(sample(at))
    window.give_back(window.take(2, 1.0))
    assert times(window.take(9, 1.0)) == [0, 1, 2, 3, 4]


def test_a_standby_forgets_what_its_peer_has_sent_but_only_after_the_window() -> None:
    window = SampleWindow(15.0, 100)
    window.wait(sample(1))
    window.presume_sent(100.0)
    assert window.waiting == 0
    window.rewind(110.0)
    assert window.waiting == 1
    window.presume_sent(110.0)
    window.rewind(126.0)
    assert window.waiting == 0


def test_messages_are_made_for_each_device_in_order() -> None:
    messages = by_device([sample(1, "A"), sample(2, None), sample(3, "A")])
    assert [metric.timestamp for metric in messages["A"]] == [1, 3]
    assert len(messages[None]) == 1


@given(st.lists(st.sampled_from(["sent", "wait", "rewind", "take", "peer"]), max_size=60))
def test_no_sample_is_ever_lost_within_the_window_and_the_limit(steps: list[str]) -> None:
    window = SampleWindow(15.0, 1000)
    made: set[int] = set()
    for at, step in enumerate(steps):
        now = at * 0.1
        match step:
            case "sent":
                window.sent(sample(at), now)
                made.add(at)
            case "wait":
                window.wait(sample(at))
                made.add(at)
            case "rewind":
                window.rewind(now)
            case "take":
                window.take(3, now)
            case "peer":
                window.presume_sent(now)
    window.rewind(len(steps) * 0.1)
    again = times(window.take(1000, 6.0))
    assert set(again) == made
    assert len(again) == len(made)
