"""The launchers of sweeps: Hydra uses only those that it finds in this namespace."""

from __future__ import annotations

from amlm.config import launchers, parallel_launchers


class Serial(launchers.Serial):
    pass


class Parallel(parallel_launchers.Parallel):
    pass


class Ray(parallel_launchers.Ray):
    pass
