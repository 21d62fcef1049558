"""Bringing a node's databases to the schema of the installed release, once per release.

Django's own check costs a second or two at every start; the fingerprint of the migration files says
in a millisecond that there is nothing to do.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import django

BASE_DIR = Path(__file__).resolve().parent.parent.parent
STAMP = "schema"
DATABASES = ("default", "history")


def fingerprint() -> str:
    """A digest of every migration of ours and of the release of Django that brings the rest."""
    digest = hashlib.sha256(django.get_version().encode())
    for path in sorted((BASE_DIR / "hmi").glob("*/migrations/*.py")):
        digest.update(path.relative_to(BASE_DIR).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def bring_up_to_date(folder: Path) -> None:
    """Migrate the databases in `folder` unless they already fit. Raises CalledProcessError."""
    stamp = folder / STAMP
    wanted = fingerprint()
    if stamp.exists() and stamp.read_text(encoding="ascii") == wanted:
        return
    script = "\n".join(
        ["import django; django.setup()", "from django.core.management import call_command"]
        + [f"call_command('migrate', database={name!r}, verbosity=0)" for name in DATABASES]
    )
    environment = {**os.environ, "TANDEM_DIR": str(folder), "DJANGO_SETTINGS_MODULE": "hmi.settings"}
    subprocess.run([sys.executable, "-c", script], check=True, cwd=BASE_DIR, env=environment)
    stamp.write_text(wanted, encoding="ascii")
