"""What other libraries wrote, read by us: the values that they were given (see `make interchange`)."""

from __future__ import annotations

import pytest

from sparkplug import Payload
from tests.interchange.differences import between
from tests.interchange.exchange import read
from tests.interchange.generated import cases
from tests.interchange.peers import PEERS
from tests.interchange.plain import from_plain, to_plain
from tests.interchange.vectors import kept

KEPT = kept()


@pytest.mark.parametrize(("peer", "data", "birth", "values"), KEPT, ids=lambda value: str(value)[:20])
def test_what_others_wrote_is_read_as_they_meant_it(
    peer: str, data: bytes, birth: Payload | None, values: Payload
) -> None:
    outer, inner = between(values, read(data, birth))
    assert not outer
    assert not any(inner)


def test_there_are_vectors_of_every_peer() -> None:
    assert {peer for peer, *_ in KEPT} == {peer.name for peer in PEERS}


def test_the_plain_form_loses_nothing() -> None:
    for case in cases(200):
        plain = to_plain(case.payload)
        assert to_plain(from_plain(plain)) == plain
