"""Lines and headings of the report, and texts from outside in it."""

import pytest

from project import REPOSITORY
from sweep.report.render import convert_markdown, join_lines, render_page

TEMPLATES = REPOSITORY / "workflow" / "templates"


@pytest.mark.parametrize(
    ("space", "line"),
    [(" ", "One sentence, (another, and more). The end.\n"), ("", "One sentence,(another, and more).The end.\n")],
)
def test_a_paragraph_is_one_line(space: str, line: str) -> None:
    assert join_lines("One sentence,\n(another\n, and more\n).\nThe end.\n", space) == line


def test_anchors_of_headings_are_those_of_github() -> None:
    text = "# A `b_c`, D-e!\n\n## Twice\n\n[up](#a-b_c-d-e)\n\n## Twice\n\n\\<b\\>x\\</b\\> &amp; <i>kept</i>\n"
    page = render_page(TEMPLATES / "explorer", "report.html", "en", convert_markdown(text))
    for anchor in ("a-b_c-d-e", "twice", "twice-1"):
        assert f'id="{anchor}"' in page
    assert "&lt;b&gt;x&lt;/b&gt; &amp; <i>kept</i>" in page
    assert "<title>A b_c, D-e!</title>" in page
