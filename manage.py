#!/usr/bin/env python
"""The project's command line: `manage.py node run`, `manage.py plant up`, `manage.py witness run`,
`manage.py relay publish|receive`."""

import os
import sys


def main() -> None:
    if sys.argv[1:2] == ["relay"]:  # it runs where no Django is
        from redundancy.relay.__main__ import main as relay

        sys.exit(relay(sys.argv[2:]))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hmi.settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
