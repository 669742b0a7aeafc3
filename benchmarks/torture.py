"""Seeds per CPU-second of ``yidi torture``, ordinary ones and through a planned stop, and what the checker's laws cost.

    PYTHONPATH=. python benchmarks/torture.py --seeds 200

CPU time of one process, so other work on the machine counts little.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from time import process_time

from lab.torture.seeds import Asked, Ended, ran, replayed


def seeds_a_cpu_second(seeds: int, go_through: Callable[[int], Ended]) -> float:
    """Return how many worlds a CPU-second goes through."""
    go_through(0)  # loads what is loaded once
    began_s = process_time()
    for seed in range(seeds):
        assert not go_through(seed).wrong
    return seeds / (process_time() - began_s)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=200)
    seeds = parser.parse_args().seeds
    tapes = [ran(Asked(seed)).choices for seed in range(seeds)]
    print(f"ordinary:               {seeds_a_cpu_second(seeds, lambda seed: ran(Asked(seed))):6.1f}")
    stops = seeds_a_cpu_second(seeds, lambda seed: ran(Asked(seed, cutover=True)))
    print(f"through a planned stop: {stops:6.1f}")
    for checker in (False, True):
        again = seeds_a_cpu_second(seeds, lambda seed, checker=checker: replayed(tapes[seed], checker=checker))
        print(f"replayed, checker {'always' if checker else 'never '}: {again:6.1f}")


if __name__ == "__main__":
    main()
