"""Reads what an offline run of W&B left in its folder."""

from __future__ import annotations

import json
import os
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

BLOCK, HEADER = 32_768, 7


def _log_records(data: bytes) -> Iterator[bytes]:
    """Records of a W&B file: LevelDB's log format (blocks of 32 KiB; checksum, length, part)."""
    whole, at = b"", HEADER  # after the header of the file
    while at + HEADER <= len(data):
        if BLOCK - at % BLOCK < HEADER:
            at += BLOCK - at % BLOCK
            continue
        _, length, part = struct.unpack_from("<IHB", data, at)
        whole += data[at + HEADER : at + HEADER + length]
        at += HEADER + length
        if part in (1, 4):  # the only or the last part of a record
            yield whole
            whole = b""


def _read(folder: Path) -> list[Any]:
    """All records of the last offline run in a folder."""
    from wandb.proto import wandb_internal_pb2

    # The process that writes the file ends shortly after the run.
    deadline = time.monotonic() + 30
    while True:
        file = max((folder / "wandb").glob("offline-run-*/run-*.wandb"), key=os.path.getmtime)
        data = list(_log_records(file.read_bytes()))
        records = [wandb_internal_pb2.Record.FromString(each) for each in data]
        if any(record.WhichOneof("record_type") == "exit" for record in records):
            return records
        assert time.monotonic() < deadline, "the W&B file has no end"
        time.sleep(0.1)


def wandb_records(folder: Path) -> tuple[list[dict[str, Any]], Any]:
    """History rows and the run record of the last offline run in a folder."""
    history: list[dict[str, Any]] = []
    run = None
    for record in _read(folder):
        if record.WhichOneof("record_type") == "history":
            items = record.history.item
            history.append(
                {(i.key or "/".join(i.nested_key)): json.loads(i.value_json) for i in items}
            )
        elif record.WhichOneof("record_type") == "run" and run is None:
            run = record.run
    return history, run


def wandb_charts(folder: Path) -> dict[str, dict[str, Any]]:
    """The custom charts of that run: the configuration of each panel by its key."""
    found = {}
    for record in _read(folder):
        for item in record.config.update:
            *outer, key = item.nested_key or [""]
            if outer == ["_wandb", "visualize"]:
                found[key] = json.loads(item.value_json)["panel_config"]
    return found
