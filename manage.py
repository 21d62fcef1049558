#!/usr/bin/env python
"""The project's command line: `manage.py node run`, `manage.py plant up`, `manage.py witness run`."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hmi.settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
