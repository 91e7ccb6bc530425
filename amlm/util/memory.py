"""How much memory this process has taken."""

from __future__ import annotations

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
