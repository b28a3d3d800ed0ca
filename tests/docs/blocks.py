"""The blocks of a document, and the comments that say how they are tested."""

import dataclasses
import re
import textwrap

MARKER = re.compile(r"\s*<!-- (not run|given|file): (.*?) -->\s*")
FENCE = re.compile(r"(\s*)```(.*)")
# What is executed: commands, and commands with their output.
EXECUTED = "sh", "console"
SHOWN = "json", "text", "ini", "torrc", "yaml"


@dataclasses.dataclass
class Block:
    """`markers`: what the comments above it say, by kind."""

    line: int
    language: str
    text: str
    markers: dict

    def commands(self):
        """The commands of the block, each with the output that the document shows."""
        if self.language == "sh":
            text = re.sub(r"\\\n\s*", "", self.text)
            return [(line, []) for line in text.splitlines() if line.strip() and not line.startswith("#")]
        found = []
        for line in self.text.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            elif line.strip():
                assert found, "line %d: a console block begins with a command: $ shop …" % self.line
                found[-1][1].append(line)
        return found


def blocks(text):
    """All fenced blocks. Each has a language, so that no command is overlooked."""
    found, markers, begin = [], {}, None
    for number, line in enumerate(text.splitlines(), 1):
        fence = FENCE.fullmatch(line)
        if begin is None and fence:
            begin, content = (number, fence.group(2).strip()), []
        elif begin and fence and not fence.group(2):
            assert begin[1] in EXECUTED + SHOWN, "line %d: a block without a known language: %r" % begin
            found.append(Block(*begin, textwrap.dedent("\n".join(content)) + "\n", markers))
            begin, markers = None, {}
        elif begin:
            content.append(line)
        elif marker := MARKER.fullmatch(line):
            markers[marker.group(1)] = marker.group(2)
        elif line.strip():
            assert not markers, "line %d: a comment about a block that does not follow" % number
    assert begin is None and not markers, "a block is not closed, or missing"
    return found
