"""`/diagnostics`: which product this is, and how its web process does."""

from __future__ import annotations

import platform
import shutil
from datetime import UTC, datetime
from typing import Any

import django
import psutil
from django.conf import settings

_MB = 1024 * 1024
VERSION = "0.1.0"


def product() -> dict[str, str]:
    return {
        "Product Name": "Tandem",
        "Product Version": VERSION,
        "Adapter Framework Version": f"Django {django.get_version()}",
        "Runtime Version": f"Python {platform.python_version()}",
        "Operating System": f"{platform.system()} {platform.release()}",
    }


def system() -> dict[str, Any]:
    """Of the process that answers; times in seconds, sizes in MB."""
    process = psutil.Process()
    with process.oneshot():
        cpu, memory = process.cpu_times(), process.memory_info()
        started = datetime.fromtimestamp(process.create_time(), UTC)
        found: dict[str, Any] = {
            "processIdentifier": process.pid,
            "startTime": started.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "workingSet": round(memory.rss / _MB, 3),
            "totalProcessorTime": round(cpu.user + cpu.system, 3),
            "totalUserProcessorTime": round(cpu.user, 3),
            "totalPrivilegedProcessorTime": round(cpu.system, 3),
            "threadCount": process.num_threads(),
            "handleCount": process.num_fds(),
        }
    machine, disk = psutil.virtual_memory(), shutil.disk_usage(_existing())
    return found | {
        "managedMemorySize": round(memory.rss / _MB, 3),
        "privateMemorySize": round(memory.vms / _MB, 3),
        "peakPagedMemorySize": round(machine.used / _MB, 3),
        "storageTotalSize": round(disk.total / _MB, 3),
        "storageFreeSpace": round(disk.free / _MB, 3),
    }


def _existing() -> str:
    return str(settings.NODE_DIR if settings.NODE_DIR.exists() else settings.BASE_DIR)
