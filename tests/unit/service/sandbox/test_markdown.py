"""Details of cards as HTML: what GitHub-flavoured Markdown needs, and nothing that could run or load."""

from __future__ import annotations

import re
import time
from html.parser import HTMLParser
from typing import Any

import pytest

from service.errors import InvalidField
from service.sandbox.markdown import LONGEST_TEXT, MOST_TEXTS, html_of, render

ALLOWED = {
    *("p", "br", "hr", "strong", "em", "s", "code", "pre", "blockquote", "a", "ul", "ol", "li"),
    *("table", "thead", "tbody", "tr", "th", "td", "h4", "h5", "h6"),
}


class Elements(HTMLParser):
    """The elements of a fragment, with their attributes; comments are counted as elements."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_comment(self, data: str) -> None:
        self.found.append(("!--", {}))


def elements(text: str) -> list[tuple[str, dict[str, str | None]]]:
    return Elements(render(text)).found


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("**b** *i* ~~d~~ `c`", "<p><strong>b</strong> <em>i</em> <s>d</s> <code>c</code></p>\n"),
        ("# one\n## two\n### three", "<h4>one</h4>\n<h5>two</h5>\n<h6>three</h6>\n"),
        ("- a\n- b", "<ul>\n<li>a</li>\n<li>b</li>\n</ul>\n"),
        ("3. a", '<ol start="3">\n<li>a</li>\n</ol>\n'),
        ("> a\n\n---", "<blockquote>\n<p>a</p>\n</blockquote>\n<hr>\n"),
        ("```python\na < b\n```", "<pre><code>a &lt; b\n</code></pre>\n"),
        ("PaO₂ < 60 & rising", "<p>PaO₂ &lt; 60 &amp; rising</p>\n"),
    ],
)
def test_what_a_detail_may_use(text: str, html: str) -> None:
    assert render(text) == html


def test_a_table_keeps_its_alignment_without_a_style() -> None:
    html = render("| a | b |\n|---|--:|\n| 1 | 2 |")
    assert "<th>a</th>" in html
    assert '<td align="right">2</td>' in html
    assert "style" not in html


@pytest.mark.parametrize(
    "text", ["[x](https://doi.org/10.1016/j)", "<https://doi.org/10.1016/j>", "https://doi.org/10.1016/j"]
)
def test_a_link_opens_a_page_of_its_own(text: str) -> None:
    (link,) = (attributes for tag, attributes in elements(text) if tag == "a")
    assert link == {"href": "https://doi.org/10.1016/j", "target": "_blank", "rel": "noopener noreferrer"}


HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)>",
    "<!-- comment -->",
    "<a href='https://x' onclick=alert(1)>x</a>",
    "<p style='background:url(https://x)'>x</p>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](java\tscript:alert(1))",
    "[x](&#106;avascript:alert(1))",
    "[x](vbscript:x)",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "[x](file:///etc/passwd)",
    "[x](//evil.example.org)",
    "[x](/cds-services)",
    "[x](#top)",
    "<javascript:alert(1)>",
    "a@example.org",
    "![pixel](https://evil.example.org/x.png)",
    "![<b>](data:image/png;base64,AAAA)",
    "[![x](https://evil.example.org/x.png)](javascript:1)",
    '[x](https://x "onmouseover=alert(1)")',
    "[a]: javascript:alert(1)\n\n[a]",
    "| <script>x</script> | `|`\n|-|-|\n| ![](x) | [y](data:,z) |",
    "```<script>\n</code></pre><script>alert(1)</script>\n```",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "\0<script\0>",
    "</textarea></template><script>x</script>",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_hostile_gets_through(text: str) -> None:
    for tag, attributes in elements(text):
        assert tag in ALLOWED
        assert set(attributes) <= {"href", "target", "rel", "start", "align"}
        assert re.match(r"https?://", attributes.get("href") or "https://")


def test_html_is_shown_as_text_and_an_image_as_its_words() -> None:
    assert render("<b>x</b>") == "<p>&lt;b&gt;x&lt;/b&gt;</p>\n"
    assert render("![a <b> scan](https://x/y.png)") == "<p>a &lt;b&gt; scan</p>\n"


@pytest.mark.parametrize(
    "piece",
    [
        "> ",
        ">",
        "[",
        "![",
        "[a](",
        "*a **a ",
        "`",
        "~~a",
        "|a",
        "- ",
        "<",
        "&#",
        "http://a.",
        "www.",
        "a@",
        "<!--",
        "\\",
    ],
)
def test_the_longest_hostile_text_takes_a_bounded_time(piece: str) -> None:
    started = time.process_time()
    html = render((piece * LONGEST_TEXT)[:LONGEST_TEXT])
    # what is not linear in it would take minutes
    assert time.process_time() - started < 20
    assert len(html) < 20 * LONGEST_TEXT


def test_deep_quotes_do_not_nest_for_ever() -> None:
    assert render(">" * LONGEST_TEXT + "a").count("<blockquote>") < 100


def test_texts_in_their_order() -> None:
    assert html_of({"texts": []}) == []
    assert html_of({"texts": ["a", "", "*b*"]}) == ["<p>a</p>\n", "", "<p><em>b</em></p>\n"]


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({}, "array"),
        ({"texts": "a"}, "array"),
        ({"texts": ["a", 1]}, "array of strings"),
        ({"texts": ["a"] * (MOST_TEXTS + 1)}, str(MOST_TEXTS)),
        ({"texts": ["a" * (LONGEST_TEXT + 1)]}, str(LONGEST_TEXT)),
    ],
)
def test_too_much_or_something_else_is_refused(body: dict[str, Any], why: str) -> None:
    with pytest.raises(InvalidField, match=why):
        html_of(body)
