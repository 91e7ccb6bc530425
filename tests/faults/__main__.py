"""Kills real trainings at random instants and compares what they end with: ``make faults``.

A run is killed some times, then finished, and must equal a run that nobody killed. Instants are
uniform over the time that a run takes, so that start-up, steps, saves, validations and exports are
all met; every tenth run also starts with an empty cache. Exit status 1 if anything differs.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
from pathlib import Path

from tests.faults.trainings import Faults, Trainings, differing, made_up_text, timed

MOST_KILLS = 4  # of one run


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201


def kill_at_random(trainings: Trainings, kills: int, seed: int, plant: str | None) -> int:
    """Kills trainings; returns how many of them ended otherwise than the whole one."""
    dice, faults = random.Random(seed), Faults(plant=plant)
    whole = trainings.folder / "whole"
    trainings.train(trainings.folder / "warm-up", faults)  # starts the server, builds the store
    length = timed(lambda: trainings.train(whole, faults))
    say(f"a run takes {length:.1f} s")
    killed = runs = wrong = 0
    while killed < kills:
        runs += 1
        run, cold = trainings.folder / f"run-{runs}", trainings.folder / f"cache-{runs}"
        cache = cold if runs % 10 == 0 else None
        instants = []
        for _ in range(min(dice.randint(1, MOST_KILLS), kills - killed)):
            seconds = dice.uniform(0, length)
            if not trainings.kill_after(seconds, run, faults, cache):
                break
            instants.append(f"{seconds:.2f}")
            killed += 1
        if not (run / "run.json").exists() or '"finished": null' in (run / "run.json").read_text():
            status = trainings.train(run, faults)
            different = [f"exit status {status}"] if status else differing(run, whole)
        else:
            different = differing(run, whole)
        wrong += bool(different)
        after = f"killed after {', '.join(instants) or 'nothing'} s"
        say(f"run {runs}, {after}: {'equal' if not different else f'DIFFERENT: {different}'}")
        if not different:
            shutil.rmtree(run)
        shutil.rmtree(cold, ignore_errors=True)
    say(f"{killed} kills in {runs} runs: {wrong} ended otherwise than the run that nobody killed")
    return wrong


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests.faults", description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--plant", choices=("statistics", "generator"), help="a bug, to be found")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="amlm-faults-"))
    trainings = Trainings(folder, made_up_text)
    wrong = kill_at_random(trainings, options.kills, options.seed, options.plant)
    if wrong:
        say(f"kept: {folder}")
        sys.exit(1)
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
