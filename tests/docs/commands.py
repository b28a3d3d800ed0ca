"""Every block of commands in README.md and the manual is executed, or says why not."""

import os

from lib.run import test
from lib.shop import ROOT
from page import Page


def documents():
    chosen = os.environ.get("DOCUMENT")
    manual = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs/manual").glob("*.md"))
    return [chosen] if chosen else ["README.md", *manual]


@test
def every_command_of_the_documents_does_what_they_say():
    n_executed, skipped, faults = 0, [], []
    for document in documents():
        try:
            with Page(document) as page:
                n, reasons = page.execute()
                n_executed, skipped = n_executed + n, skipped + reasons
        except Exception as error:
            # Of a subprocess, what it printed is the reason.
            faults.append("%s: %s\n%s" % (document, error, getattr(error, "stderr", None) or ""))
    assert not faults, "\n\n".join(faults)
    return "%d blocks executed, %d not:\n%s" % (n_executed, len(skipped), "\n".join(skipped))


@test
def a_wrong_command_or_output_is_found():
    for text, fault in (
        ("```sh\nshop sed db/data.json\n```\n", "exit code 2"),
        ("```sh\nshop seed db/nothing.json\n```\n", "exit code 1"),
        ("```sh\nshop seed db/data.json | true\nfalse\n```\n", "exit code 1"),
        ("```console\n$ shop seed --check db/data.json\ndb/data.json is good.\n```\n", "does not have the line"),
        ("```console\n$ shop seed --check db/nothing.json\n```\n", "exit code 1"),
        ("```\nshop seed db/data.json\n```\n", "without a known language"),
        ("<!-- not run: it needs Tor -->\n\ntext\n\n```sh\ntrue\n```\n", "does not follow"),
    ):
        try:
            with Page("a test", text) as page:
                page.execute()
        except AssertionError as error:
            assert fault in str(error), error
        else:
            raise AssertionError("accepted: " + text)
