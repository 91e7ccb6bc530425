"""How much memory this process has taken, and this machine has."""

from __future__ import annotations

import os
from pathlib import Path


def resident_peak() -> int | None:
    """The most memory that this process has had resident so far, in bytes; None where the system
    does not say."""
    # Not `getrusage`: its peak is inherited from the parent process.
    status = Path("/proc/self/status")
    if status.exists():
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(lines["VmHWM"].split()[0]) * 1024
    try:
        import resource
    except ModuleNotFoundError:  # Windows
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on macOS


def physical() -> float:
    """The memory of this machine in bytes; infinite where the system does not say."""
    if not hasattr(os, "sysconf"):  # Windows
        return float("inf")
    return float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
