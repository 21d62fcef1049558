"""What docs/integrators.md promises is what the command takes."""

from __future__ import annotations

import re
from argparse import ArgumentParser
from pathlib import Path

from hmi.node.schema import BASE_DIR
from hmi.trial import arguments, founding
from hmi.trial.wishes import EdgeWishes, HostWishes, wishes

TEXT = (BASE_DIR / "docs" / "integrators.md").read_text(encoding="utf-8")


def options() -> set[str]:
    parser = ArgumentParser()
    arguments.add(parser)
    kinds = next(action for action in parser._actions if action.choices)
    return {
        option
        for kind in kinds.choices.values()  # type: ignore[union-attr]
        for action in kind._actions
        for option in action.option_strings
        if option.startswith("--") and option != "--help"
    }


def test_every_argument_is_in_the_table_and_no_other() -> None:
    sections = re.split(r"^(?=## )", TEXT, flags=re.MULTILINE)
    other = ("## Lines through several brokers", "## The adapter's configuration API")
    about = "".join(section for section in sections if not section.startswith(other))
    assert set(re.findall(r"`(--[a-z-]+)", about)) == options()


def test_every_argument_is_a_key_of_the_file() -> None:
    keys = set(HostWishes.model_fields) | set(EdgeWishes.model_fields) | {"file"}
    assert {option.removeprefix("--").replace("-", "_") for option in options()} == keys - {"password"}


def test_the_file_that_is_shown_can_be_used(tmp_path: Path) -> None:
    (shown,) = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)
    file = tmp_path / "try.toml"
    file.write_text(shown, encoding="utf-8")
    document = founding.judge(wishes(EdgeWishes, {"file": str(file)}))
    assert len(document["transmission"]["transmitters"]) == 2
    assert len(document["tags"]) == 2 * (3 * 2 + 1)
