"""Every block of commands in README.md and the manual is executed, or says why not."""

import json
import os
import re

import given
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
                given.without_pictures(page)
                page.execute()
        except AssertionError as error:
            assert fault in str(error), error
        else:
            raise AssertionError("accepted: " + text)


def rows(document):
    """The first cell of each row of the document's tables."""
    return [line.split("|")[1].strip() for line in (ROOT / document).read_text().splitlines() if line.startswith("| ")]


@test
def the_manual_names_every_command_and_every_check_of_doctor():
    with Page("a test", "") as page:
        given.a_shop(page)
        help = page.shop("--help").split("\nOptions:")[0]
        commands = set(re.findall(r"^  ([a-z]+)  ", help, re.M)) - {"help"}
        named = " ".join(rows("docs/manual/commands.md"))
        missing = [command for command in commands if "`shop %s" % command not in named]
        assert 15 < len(commands) and not missing, "not in docs/manual/commands.md: %s" % missing
        status, output = page.run("shop doctor --json")
        checks = {check["check"] for check in json.loads(output)["checks"]}
        named = {name for row in rows("docs/manual/troubleshooting.md") for name in row.split(", ")}
        assert 15 < len(checks) and not checks - named, "not in docs/manual/troubleshooting.md: %s" % (checks - named)
