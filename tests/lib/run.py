"""Runs tests: functions whose names are sentences."""

import concurrent.futures
import contextlib
import sys
import time
import traceback

TESTS = []


def test(function):
    """Registers a test. Its return value is printed below its name."""
    TESTS.append(function)
    return function


def main(fixture=None, workers=1):
    """Runs the tests whose names contain an argument of the command line, or all. `fixture` creates each test's argument."""
    patterns = [word.replace(" ", "_") for word in sys.argv[1:]]
    selected = [test for test in TESTS if not patterns or any(word in test.__name__ for word in patterns)]

    def run(test):
        start, notes, error = time.monotonic(), None, None
        try:
            with fixture() if fixture else contextlib.nullcontext() as argument:
                notes = test(argument) if fixture else test()
        except Exception:
            error = traceback.format_exc()
        return time.monotonic() - start, notes, error

    n_failed = 0
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        # A single worker runs in the main thread, so that Ctrl-C works.
        results = map(run, selected) if workers == 1 else pool.map(run, selected)
        for test, (seconds, notes, error) in zip(selected, results):
            print("%s  %s (%.1f s)" % ("FAIL" if error else "ok  ", test.__name__.replace("_", " "), seconds))
            print("".join("        %s\n" % line for line in (error or notes or "").splitlines()), end="", flush=True)
            n_failed += bool(error)
    print("%d passed, %d failed" % (len(selected) - n_failed, n_failed))
    sys.exit(1 if n_failed or not selected else 0)
