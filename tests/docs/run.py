#!/usr/bin/env python3
"""The documents: their links, the book, and every command in README.md and the manual, executed with the real program.

Runs in a network namespace without a way out, in which the ports that the documents mention are free.
Arguments select the tests whose names contain them; DOCUMENT=docs/manual/orders.md selects one document.
"""

import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

# Imported for their tests.
import commands  # noqa: F401
import links  # noqa: F401
from lib.run import main

if __name__ == "__main__":
    if os.environ.get("NAMESPACE") != "bare":
        bare = ["unshare", "--map-root-user", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
        os.environ["NAMESPACE"] = "bare"
        os.execvp("unshare", [*bare, sys.executable, *sys.argv])
    main()
