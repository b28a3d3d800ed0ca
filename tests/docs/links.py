"""Links between the documents, as files and as a book."""

import html.parser
import pathlib
import re
import subprocess
import tempfile
import urllib.parse

from lib.run import test
from lib.shop import ROOT

DOCS = ROOT / "docs"
MDBOOK = ROOT / "tests/tools/bin/mdbook"


def markdown_files():
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / name for name in listed.stdout.split() if (ROOT / name).exists()]


def prose(path):
    """The lines of a document, with blocks left empty."""
    is_block = False
    for line in path.read_text().splitlines():
        is_fence = line.lstrip().startswith("```")
        is_block = is_block != is_fence
        yield "" if is_block or is_fence else line


def anchors(path):
    """The anchors of a document's headings, as GitHub and mdBook make them."""
    seen = {}
    for line in prose(path):
        if heading := re.match(r"#+ (.*)", line):
            words = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading.group(1)).lower()
            anchor = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
            n = seen[anchor] = seen.get(anchor, -1) + 1
            yield "%s-%d" % (anchor, n) if n else anchor


def links(path):
    for number, line in enumerate(prose(path), 1):
        for target in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`]*`", "", line)):
            if not re.match(r"[a-z]+:", target):
                yield number, target


@test
def every_link_and_anchor_of_every_document_resolves():
    faults, n_links = [], 0
    for path in markdown_files():
        for number, target in links(path):
            file, _, anchor = target.partition("#")
            linked = (path.parent / file).resolve() if file else path
            n_links += 1
            # A book has no pages but its own.
            is_outside = DOCS in path.parents and DOCS not in linked.parents
            if is_outside or not linked.exists() or (anchor and anchor not in anchors(linked)):
                faults.append("%s, line %d: %s" % (path.relative_to(ROOT), number, target))
    assert not faults and 200 < n_links, "\n".join(faults)
    return "%d links" % n_links


class Html(html.parser.HTMLParser):
    """The anchors of a page, its links, and what it loads."""

    def __init__(self, path):
        super().__init__()
        self.ids, self.links, self.loads = set(), [], []
        self.feed(path.read_text())

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if "id" in attributes:
            self.ids.add(attributes["id"])
        if tag == "a" and "href" in attributes:
            self.links.append(attributes["href"])
        self.loads += [attributes[name] for name in ("src", "href") if name in attributes and tag != "a"]


@test
def the_book_has_every_page_and_loads_nothing_from_elsewhere():
    with tempfile.TemporaryDirectory() as folder:
        book = pathlib.Path(folder)
        result = subprocess.run([MDBOOK, "build", DOCS, "--dest-dir", book], capture_output=True, text=True)
        assert result.returncode == 0 and "ERROR" not in result.stderr, result.stderr
        for path in DOCS.rglob("*.md"):
            page = path.relative_to(DOCS)
            is_there = page.name == "SUMMARY.md" or (book / page).with_suffix(".html").exists() or (book / page.parent / "index.html").exists()
            assert is_there, "docs/SUMMARY.md does not list %s" % page
        pages = {path: Html(path) for path in book.rglob("*.html") if path.name not in ("404.html", "toc.html")}
        faults = []
        for path, page in pages.items():
            for target in page.links + page.loads:
                url = urllib.parse.urlsplit(target)
                if url.scheme or url.netloc:
                    if target in page.loads:
                        faults.append("%s loads %s" % (path.relative_to(book), target))
                    continue
                linked = (path.parent / urllib.parse.unquote(url.path)).resolve() if url.path else path
                anchor = urllib.parse.unquote(url.fragment)
                if not linked.exists() or (anchor and linked in pages and anchor not in pages[linked].ids):
                    faults.append("%s: %s" % (path.relative_to(book), target))
        for path in book.rglob("*.css"):
            faults += ["%s loads %s" % (path.name, url) for url in re.findall(r"url\([\"']?(https?:[^)]*)", path.read_text())]
        assert not faults and 50 < len(pages), "\n".join(faults)
        return "%d pages" % len(pages)
