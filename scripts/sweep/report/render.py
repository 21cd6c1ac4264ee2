"""From templates to Markdown and HTML. Markup is rendered and texts from outside are escaped here, and only here."""

import json
import re
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import jinja2
from markdown_it import MarkdownIt
from markupsafe import Markup

# What stands between two sentences.
SPACES = {"en": " ", "zh": ""}


def render_markdown(folder: Path, language: str, values: Mapping[str, Any]) -> str:
    """Render <folder>/report.<language>.md.j2; marked numbers stay marked.

    Raises:
        jinja2.UndefinedError: a template uses a name that `values` lacks.
    """
    # Markdown is not HTML: texts from outside go through `escape_markdown`.
    environment = _environment(folder, autoescape=False, keep_trailing_newline=True)
    environment.filters["one_line"] = lambda text: join_lines(text, SPACES[language])
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


def escape_markdown(text: str) -> str:
    """`text` as Markdown that shows exactly its characters: no markup, no HTML, no link."""
    return re.sub(r"([\\`*_{}\[\]()<>#+.!|~$&:@-])", r"\\\1", text)


def convert_markdown(markdown: str) -> dict[str, Any]:
    """The Markdown report as HTML ("content"), with the heading's text as "title".

    Each heading has the id that GitHub would give it. The HTML is trusted, because the report's own templates made it
    and escaped all texts from outside.
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
    content = Markup(parser.renderer.render(tokens, parser.options, {}))  # noqa: S704
    return {"title": title, "content": content}
