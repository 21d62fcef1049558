"""What `make test` needs from the system: a browser, and Mosquitto as the oracle for the broker's tests.

Installed when this is root on a Debian; otherwise said in one loud line, and the tests that need it
skip themselves.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

WANTED = {"chromium": "chromium", "mosquitto": "mosquitto"}
_SYSTEM_PATH = os.environ.get("PATH", "") + os.pathsep + "/usr/sbin"


def missing() -> list[str]:
    """Packages whose program is not on this machine."""
    return [package for package, program in WANTED.items() if not shutil.which(program, path=_SYSTEM_PATH)]


def main() -> None:
    packages = missing()
    if packages and os.geteuid() == 0 and shutil.which("apt-get"):
        print(f"installing {', '.join(packages)} for the tests", flush=True)
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(["apt-get", "update", "-q"], check=False, env=environment, **quiet)
        command = ["apt-get", "install", "-y", "-q", "--no-install-recommends", *packages]
        subprocess.run(command, check=False, env=environment, **quiet)
        if "mosquitto" in packages and shutil.which("systemctl"):
            subprocess.run(["systemctl", "disable", "--now", "mosquitto"], check=False, **quiet)
    for package in missing():
        print(
            f"!!! {package.upper()} IS NOT HERE: the tests that need it are skipped !!!",
            file=sys.stderr,
            flush=True,
        )


if __name__ == "__main__":
    main()
