"""Markdown as a browser gets it, and text that tries to act in it."""

import re
from html.parser import HTMLParser

from markdown_it import MarkdownIt

ENDS = "</code></table><script>\n\n# g\n\n```\n"  # of what shows somebody else's text
HOSTILE = f"|`*a*_b_~~c~~<img src=x onerror=alert(1)>[e](//f)@team{ENDS}\u202e\x07\x1b&lt;b&gt;"
OURS = set("ul li b i p sub table tr th td code pre details summary h3 wbr br strong thead tbody".split(" "))  # noqa: SIM905  one line
OURS |= {"details open", "td colspan", "tr valign", "code class"}
VOID = {"meta", "link", "br", "path", "use", "line", "input"}


class Page(HTMLParser):
    """A page's elements with their attributes, and its texts, each with the elements in which it lies."""

    def __init__(self, page: str):
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: list[tuple[set[str], str]] = []
        self.feed(page.replace("<wbr>", ""))
        assert not self.open, self.open

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert tag in VOID or self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append((set(self.open), data))

    def all(self, tag):
        return [attributes for element, attributes in self.elements if element == tag]

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.outside("style", "script")).split())

    def outside(self, *elements: str) -> list[str]:
        """Return the texts that lie in none of these elements."""
        return [text for around, text in self.texts if around.isdisjoint(elements)]

    @property
    def found(self) -> set[str]:
        """Return the names of all tags, and of all attributes after that of their tag."""
        names = {f"{tag} {name}" for tag, attributes in self.elements for name in attributes}
        return names | {tag for tag, _ in self.elements}

    @property
    def ids(self) -> list[str]:
        return [attributes["id"] for _, attributes in self.elements if "id" in attributes]

    @property
    def pictures(self) -> list[str]:
        return [picture["id"] for picture in self.all("svg")]


def ensure_harmless(markdown: str) -> Page:
    """Return what the Markdown is rendered to; no tag, mention or control may come from what others wrote."""
    page = Page(MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(markdown))
    assert page.found <= OURS, page.found - OURS
    plain = "".join(page.outside("code", "pre"))
    assert "alert" not in plain
    assert not re.search(r"@\w|://|www\.|#\d|GH-\d", plain)  # GitHub makes links of these, after Markdown
    assert not re.search("[\x00-\x08\x0b-\x1f\u202a-\u202e\u2066-\u2069]", markdown)
    return page
