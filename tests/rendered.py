"""Markdown as a browser gets it, and text that tries to act in it."""

import re
from html.parser import HTMLParser

from markdown_it import MarkdownIt

ENDS = "</code></table><script>\n\n# g\n\n```\n"  # of what shows somebody else's text
HOSTILE = f"|`*a*_b_~~c~~<img src=x onerror=alert(1)>[e](//f)@team{ENDS}\u202e\x07\x1b&lt;b&gt;"


class Tags(HTMLParser):
    """The tags and attributes of a page, and the text that lies neither in <code> nor in <pre>."""

    def __init__(self, page: str):
        super().__init__()
        self.found, self.plain, self.literal = set(), "", 0
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found |= {tag, *(f"{tag} {name}" for name, _ in attrs)}
        self.literal += tag in {"code", "pre"}

    def handle_endtag(self, tag):
        self.literal -= tag in {"code", "pre"}

    def handle_data(self, data):
        self.plain += "" if self.literal else data


OURS = set("ul li b i p sub table tr th td code pre details summary h3 wbr br strong thead tbody".split(" "))  # noqa: SIM905  one line
OURS |= {"details open", "td colspan", "tr valign", "code class"}


def ensure_harmless(markdown: str) -> Tags:
    """Return what the Markdown is rendered to; no tag, mention or control may come from what others wrote."""
    tags = Tags(MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(markdown))
    assert tags.found <= OURS, tags.found - OURS
    assert "alert" not in tags.plain
    assert "@team" not in tags.plain
    assert not re.search("[\x00-\x08\x0b-\x1f\u202a-\u202e\u2066-\u2069]", markdown)
    return tags
