"""`manage.py relay publish|receive`, and the same as `python -m redundancy.relay`; needs no Django.

How it ends is in `config.Exit`.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing

from redundancy.config import ConfigError
from redundancy.relay import arguments
from redundancy.relay.config import Exit, Mode, PublishConfig, ReceiveConfig
from redundancy.relay.inbox import Inbox
from redundancy.relay.lines import InputError, LineInput
from redundancy.relay.outbox import Outbox
from redundancy.relay.publisher import Publisher
from redundancy.relay.receiver import Receiver
from redundancy.relay.sink import FileSink, PipeSink, Sink, SinkError
from redundancy.relay.starter import Starter
from redundancy.relay.store import StoreError
from redundancy.relay.terminal import Terminal


def main(told: Sequence[str]) -> int:
    """The command line, without the program's name."""
    options = arguments.parser().parse_args(told)
    terminal = Terminal(f"relay {options.action}", options.progress)
    try:
        if options.action == "publish":
            return asyncio.run(publish(arguments.publish_config(options), terminal))
        return asyncio.run(receive(arguments.receive_config(options), terminal))
    except ConfigError as error:
        terminal.say(f"--{error.field.replace('_', '-')}: {error.reason}")
        return Exit.USAGE
    except (StoreError, InputError, SinkError) as error:
        terminal.say(str(error))
        return Exit.STORE


async def publish(config: PublishConfig, terminal: Terminal) -> Exit:
    """Until the input has ended and everything is out, or a signal. Raises StoreError, InputError."""
    with ExitStack() as open_ones:
        if config.mode is Mode.START or config.outbox is None:
            starter = Starter(config, LineInput(config.file, None, longest=config.longest), terminal)
            _on_signals(starter.stop)
            return await starter.run()
        outbox = open_ones.enter_context(closing(Outbox(config.outbox, config.bounds)))
        place = None if config.from_start else outbox.place
        lines = LineInput(config.file, place, longest=config.longest, follow=config.follow)
        publisher = Publisher(config, outbox, lines, terminal)
        _on_signals(publisher.stop)
        return await publisher.run()


async def receive(config: ReceiveConfig, terminal: Terminal) -> Exit:
    """Until a signal. Raises StoreError, SinkError."""
    with ExitStack() as open_ones:
        inbox = open_ones.enter_context(closing(Inbox(config.inbox)))
        sink: Sink = PipeSink()
        if config.output is not None:
            sink = FileSink(config.output, inbox.committed(str(config.output.resolve())))
        open_ones.enter_context(closing(sink))
        receiver = Receiver(config, inbox, sink, terminal)
        _on_signals(receiver.stop)
        return await receiver.run()


def _on_signals(stop: Callable[[], None]) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
