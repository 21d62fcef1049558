"""What `sparkplug` offers says what it is: somebody else reads it with nothing but `help()`."""

from __future__ import annotations

import inspect

import pytest

import sparkplug

NAMED = [name for name in sparkplug.__all__ if callable(getattr(sparkplug, name))]
SESSIONS = ("EdgeSession", "HostSession", "HostPresence")


def said(thing: object) -> str:
    """Its own docstring; what Python makes up for a tuple or a dataclass says nothing."""
    text = getattr(thing, "__doc__", None) or ""
    return "" if text.startswith(f"{getattr(thing, '__name__', '')}(") else text


@pytest.mark.parametrize("name", [name for name in NAMED if inspect.isroutine(getattr(sparkplug, name))])
def test_every_function_says_what_it_does_and_has_its_types(name: str) -> None:
    function = getattr(sparkplug, name)
    assert said(function)
    signature = inspect.signature(function)
    assert all(each.annotation is not inspect.Parameter.empty for each in signature.parameters.values())
    assert signature.return_annotation is not inspect.Signature.empty


@pytest.mark.parametrize("name", [name for name in NAMED if inspect.isclass(getattr(sparkplug, name))])
def test_every_class_says_what_it_is(name: str) -> None:
    kind = getattr(sparkplug, name)
    assert said(kind)
    assert inspect.getmodule(kind).__doc__  # type: ignore[union-attr]


@pytest.mark.parametrize("name", SESSIONS)
def test_every_step_of_a_session_says_when_it_is_to_be_taken(name: str) -> None:
    steps = {key: each for key, each in vars(getattr(sparkplug, name)).items() if not key.startswith("_")}
    silent = [key for key, each in steps.items() if inspect.isfunction(each) and not said(each)]
    assert silent == []
