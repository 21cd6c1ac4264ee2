"""From templates to Markdown and HTML. Markup is rendered and texts from outside are escaped here, and only here."""

import json
import re
from base64 import b64encode
from collections.abc import Iterable, Mapping
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any

import jinja2
from markdown_it import MarkdownIt
from markupsafe import Markup, escape

# What stands between two sentences.
SPACES = {"en": " ", "zh": ""}
# No report holds these: control characters, separators of lines and paragraphs, and surrogates, which UTF-8 lacks.
UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
# The characters that Markdown, or GitHub's kind of it, would not show as they are. Between two letters or digits an
# underscore is one of no meaning (group 1), and of some other characters what follows decides.
MARKUP = re.compile(
    r"(?<=[^\W_])(_+)(?=[^\W_])"
    r"|([\\`*_\[\]<>#|~$&]|[-+](?![\w.])|(?<=\d)[.)](?!\w)|[:@](?=\S)|(?i:(?<=www))\.)"
)


class Marked(str):
    """A text that `Citations` marked by control characters; there are none in the text itself."""

    __slots__ = ()


def render_markdown(folder: Path, language: str, values: Mapping[str, Any]) -> str:
    """Render <folder>/report.<language>.md.j2; marked numbers stay marked.

    Raises:
        jinja2.UndefinedError: a template uses a name that `values` lacks.
    """
    # What a template shows by {{ }} is a text from outside unless a filter below, or a macro, made markup of it. (What
    # Jinja escapes by itself is HTML only.)
    environment = _environment(folder, autoescape=True, finalize=_text, keep_trailing_newline=True)
    environment.filters |= {
        "one_line": lambda text: Markup(join_lines(str(text), SPACES[language])),  # noqa: S704
        "code": code_span,
        "html": lambda value: escape(_visible(value)),
        "literal": lambda value: Markup(_visible(value)),  # noqa: S704  for the lines of a block of code only
        "fence": fence,
    }
    return environment.get_template(f"report.{language}.md.j2").render(values)


def render_page(folder: Path, name: str, language: str, values: Mapping[str, Any]) -> str:
    """Render <folder>/<name>.j2 with the texts of a language. All values are escaped, except Markup.

    Raises:
        jinja2.UndefinedError: a template uses a name that `values` lacks.
    """
    environment = _environment(folder, autoescape=True)
    # The filter `tojson` escapes the characters that could end a <script>.
    environment.policies["json.dumps_kwargs"] = {"allow_nan": False, "separators": (",", ":")}
    # Scripts and style sheets of this project need no escaping.
    environment.globals["inline"] = lambda file: Markup((folder / file).read_text(encoding="utf-8"))  # noqa: S704
    environment.filters["source_hash"] = source_hash
    texts = json.loads((folder / f"texts.{language}.json").read_text(encoding="utf-8"))
    return environment.get_template(f"{name}.j2").render(language=language, texts=texts, **values)


def _environment(folder: Path, **options: Any) -> jinja2.Environment:
    return jinja2.Environment(  # noqa: S701  the callers say whether to escape
        loader=jinja2.FileSystemLoader(folder),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        **options,
    )


def join_lines(text: str, space: str) -> str:
    """`text` on one line; no space comes before punctuation.

    The templates have a sentence or a condition on each line. The report has a paragraph on each line, because a line
    break in a paragraph shows as a space, which Chinese does not have between sentences.
    """
    return re.sub(r"\n(?=[,;:.)])", "", text.strip("\n")).replace("\n", space) + "\n"


def _visible(value: object) -> str:
    """The value's text, a sign in place of each character that a report cannot hold; marks are kept."""
    return value if isinstance(value, Marked) else printable(str(value))


def printable(text: str) -> str:
    """`text` on one line, with U+FFFD in place of control characters."""
    return UNSEEN.sub("\ufffd", text)


def _text(value: object) -> Markup:
    """A value as the running text of a Markdown report, in which it may stand anywhere but in code and HTML."""
    return value if isinstance(value, Markup) else Markup(escape_markdown(_visible(value)))  # noqa: S704


def escape_markdown(text: str) -> str:
    """`text`, a line, as Markdown that shows exactly its characters: no markup, no HTML, no link. Only what needs it is
    escaped, so that a number, a version or a device's name mostly stays as it is."""
    return MARKUP.sub(lambda match: match[1] or f"\\{match[2]}", text)


def code_span(value: object, before: str = "") -> Markup:
    """`before` and the value as code, which shows exactly their characters, in a cell of a table, too."""
    text = printable(before) + _visible(value)
    if not text or text != text.strip() or re.search(r"[`|\\]", text):
        # Between backticks nothing can be escaped.
        return Markup(f"<code>{escape_markdown(text)}</code>")  # noqa: S704
    return Markup(f"`{text}`")  # noqa: S704


def fence(lines: Iterable[str]) -> Markup:
    """The backticks that begin and end a block of code with these lines, one more than any of them has."""
    runs = re.findall("`+", "\n".join(lines))
    return Markup("`" * max(3, 1 + max(map(len, runs), default=0)))  # noqa: S704


def source_hash(script: str) -> Markup:
    """The hash by which a content security policy allows an inline script or style sheet."""
    return Markup(f"'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'")  # noqa: S704


def convert_markdown(markdown: str) -> dict[str, Any]:
    """The Markdown report as HTML ("content"), with the heading's text as "title".

    Each heading has the id that GitHub would give it, and a table's cells are aligned without a style, which the page's
    content security policy forbids. The HTML is trusted, because the report's own templates made it and
    `render_markdown` escaped all texts from outside.
    """
    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    tokens = parser.parse(markdown)
    slugs: dict[str, int] = {}
    title = ""
    for heading, text in pairwise(tokens):
        if heading.type == "heading_open":
            words = "".join(part.content for part in text.children or [])
            title = title or words
            slug = re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-")
            repeated = slugs[slug] = slugs.get(slug, -1) + 1
            heading.attrSet("id", f"{slug}-{repeated}" if repeated else slug)
    for cell in tokens:
        if style := cell.attrs.pop("style", None):
            cell.attrSet("align", str(style).removeprefix("text-align:"))
    content = Markup(parser.renderer.render(tokens, parser.options, {}))  # noqa: S704
    return {"title": title, "content": content}
