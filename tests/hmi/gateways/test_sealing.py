"""Passwords at rest."""

from __future__ import annotations

import pytest

from hmi.gateways.sealing import Unsealable, is_sealed, seal, unseal


def test_what_was_sealed_is_opened_by_the_same_pair(settings: pytest.FixtureRequest) -> None:
    settings.SECRET_KEY = "the pair's"
    sealed = seal("pass wörd")
    assert is_sealed(sealed)
    assert "pass" not in sealed
    assert unseal(sealed) == "pass wörd"


def test_nothing_stays_nothing() -> None:
    assert seal("") == unseal("") == ""


def test_another_pair_opens_nothing(settings: pytest.FixtureRequest) -> None:
    settings.SECRET_KEY = "the pair's"
    sealed = seal("password")
    settings.SECRET_KEY = "another pair's"
    with pytest.raises(Unsealable, match="another pair"):
        unseal(sealed)


@pytest.mark.parametrize("text", ["plain", "sealed:", "sealed:junk", "sealed:ÄÖ"])
def test_what_is_not_sealed_is_not_opened(text: str) -> None:
    with pytest.raises(Unsealable):
        unseal(text)


def test_a_sealed_text_cannot_be_turned_into_another(settings: pytest.FixtureRequest) -> None:
    settings.SECRET_KEY = "the pair's"
    sealed = seal("password")
    with pytest.raises(Unsealable):
        unseal(sealed[:-6] + ("A" if sealed[-6] != "A" else "B") + sealed[-5:])
