"""What somebody wants to try, as arguments or a TOML file say it; checked before anything is made.

Every argument without its dashes is a key of the file (`--host-id` is `host_id`); what is given on the
command line wins. Texts stand for lists of one. Nothing here opens anything but the files it is given.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BeforeValidator, Field, ValidationError

from hmi.replication.schema import Number, Seconds, Strict
from hmi.trial.tags import tag_from_text
from redundancy.config import ConfigError

PASSWORD = "TANDEM_MQTT_PASSWORD"


def _several(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _version(value: Any) -> Any:
    # TOML knows 5 as a number, and 3.1.1 as none.
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _tags(value: Any) -> Any:
    if isinstance(value, list):
        return [tag_from_text(each) if isinstance(each, str) else each for each in value]
    return value


Texts = Annotated[list[str], Field(min_length=1), BeforeValidator(_several)]


class TagWish(Strict):
    """One tag of `device` at `edge`, or of all of them where it names none. `type` "Counter": see tags."""

    name: Annotated[str, Field(min_length=1)]
    type: str
    value: Any = None
    edge: str | None = None
    device: str | None = None
    writable: bool = True
    unit: str = ""
    low: Number | None = None
    high: Number | None = None
    description: str = ""


class Wishes(Strict):
    """What hosts and edge nodes have in common. Times in seconds.

    `url` is the MQTT server and `server` further ones. `ca`, `certificate` and `key` are PEM files. `dir`
    keeps the node for the next time; without it everything is gone at the end. `http` is where its pages are.
    """

    url: str
    server: Annotated[list[str], BeforeValidator(_several)] = []
    mqtt_version: Annotated[Literal["3.1.1", "5"], BeforeValidator(_version)] = "3.1.1"
    username: str = ""
    password: Annotated[str, Field(repr=False)] = ""
    password_file: str | None = None
    ca: str | None = None
    certificate: str | None = None
    key: str | None = None
    keep_alive: Annotated[int, Field(ge=2, le=65535)] = 5
    legacy_state: bool = False
    dir: str | None = None
    http: str

    @property
    def servers(self) -> list[str]:
        """All URLs, the first one first."""
        return [self.url, *self.server]


class HostWishes(Wishes):
    """A host application, MQTT Engine."""

    host_id: str = "Primary"
    reorder_timeout: Seconds = 2.0
    http: str = "127.0.0.1:8090"


class EdgeWishes(Wishes):
    """Edge nodes, MQTT Transmission. Without `host_id` they wait for no host.

    Every edge node has every device, and every device every tag that does not say otherwise.
    """

    group: str = "Group 1"
    edge: Texts = ["Edge 1"]
    device: Annotated[list[str], BeforeValidator(_several)] = ["Device 1"]
    tag: Annotated[list[TagWish], BeforeValidator(lambda value: _tags(_several(value)))] = [
        TagWish(name="Tag 1", type="Int32", value=10),
        TagWish(name="Counter", type="Counter"),
    ]
    host_id: str = ""
    aliases: bool = False
    state_wait: Seconds = 3.0
    startup_delay: Seconds = 0.0
    http: str = "127.0.0.1:8091"


Shape = TypeVar("Shape", bound=Wishes)


def wishes(shape: type[Shape], given: Mapping[str, Any]) -> Shape:
    """The arguments that were `given` (`file` among them) over the file's keys. Raises ConfigError."""
    arguments = {name: value for name, value in given.items() if value is not None}
    file = arguments.pop("file", None)
    told = (_from_file(Path(file)) if file else {}) | arguments
    if "url" not in told:
        raise ConfigError("url", "is missing: mqtt://host:1883, for example")
    try:
        found = shape.model_validate(told)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        unknown = f"is not a setting of {'a host' if shape is HostWishes else 'an edge'}"
        reason = unknown if first["type"] == "extra_forbidden" else first["msg"]
        raise ConfigError(field, reason.removeprefix("Value error, ")) from None
    return found.model_copy(update={"password": _password(found)})


def _from_file(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError("file", f"{path} can't be read: {error.strerror}") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError("file", f"{path} is not TOML: {error}") from None


def _password(told: Wishes) -> str:
    """From the file named, else from the TOML file, else from the environment; never from an argument,
    which everybody on the machine can read."""
    if told.password_file is not None:
        if told.password:
            raise ConfigError("password_file", "there is a password as well: say one of them")
        try:
            return Path(told.password_file).read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError("password_file", f"{told.password_file} can't be read: {error}") from None
    return told.password or os.environ.get(PASSWORD, "")
