#!/usr/bin/env python3
"""Payment tracking with the real program on real nodes: anvil, litecoind, monerod.

    python3 tests/node/run.py [ethereum | bitcoin | litecoin | monero | digital] …
"""

import pathlib
import subprocess
import sys

SUITES = ("ethereum", "bitcoin", "litecoin", "monero", "digital")


def main(names):
    n_failed = 0
    for name in names or SUITES:
        assert name in SUITES, name
        print("== " + name, flush=True)
        # One process each, so that a hanging suite ends by its own timeouts.
        n_failed += subprocess.run([sys.executable, pathlib.Path(__file__).with_name(name + ".py")]).returncode != 0
    return n_failed


if __name__ == "__main__":
    sys.exit(1 if main(sys.argv[1:]) else 0)
