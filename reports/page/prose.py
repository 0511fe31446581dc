"""Turns the report's own Markdown into HTML: one text for `table1.md` and for the page."""

from collections.abc import Callable, Sequence
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import OptionsDict
from markupsafe import Markup, escape

from reports.study_folder import HIT_CAP_MARK

Draw = Callable[[str, str], Markup]


class _Renderer(RendererHTML):
    """Writes tables that scroll and say what their columns are, and drawings in place of links to their files."""

    def table_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: Any) -> str:  # noqa: ARG002
        return '<div class="scroll" role="region" tabindex="0" aria-label="table"><table>'

    def table_close(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: Any) -> str:  # noqa: ARG002
        return "</table></div>"

    def th_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: Any) -> str:  # noqa: ARG002
        return f'<th scope="col"{_side(tokens[idx])}>'

    def td_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: Any) -> str:  # noqa: ARG002
        return f"<td{_side(tokens[idx])}>"

    def paragraph_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: Any) -> str:
        return "" if _is_image(tokens[idx + 1]) else self.renderToken(tokens, idx, options, env)

    def paragraph_close(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: Any) -> str:
        return "" if _is_image(tokens[idx - 1]) else self.renderToken(tokens, idx, options, env)

    def image(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: Any) -> str:
        told = self.renderInlineAsText(tokens[idx].children, options, env)
        return env["draw"](str(tokens[idx].attrs["src"]), told)


def _side(token: Token) -> str:
    """Return the class of a column that is set right."""
    return ' class="number"' if "right" in str(token.attrs.get("style", "")) else ""


def _is_image(token: Token) -> bool:
    return [child.type for child in token.children or []] == ["image"]


def _parser() -> MarkdownIt:
    """Return a parser that takes HTML for text and makes no links."""
    parser = MarkdownIt("commonmark", {"html": False}, renderer_cls=_Renderer)
    return parser.enable("table").disable(["link", "autolink", "reference", "html_block", "html_inline"])


_PARSER = _parser()


def prose(text: str, draw: Draw = lambda _, told: escape(told)) -> Markup:
    """Return Markdown as HTML; `draw` makes what stands for an image of its path and its description."""
    return Markup(_PARSER.render(text.replace(f" {HIT_CAP_MARK}", f"\N{NO-BREAK SPACE}{HIT_CAP_MARK}"), {"draw": draw}))  # noqa: S704 (HTML in the text is escaped)


def phrase(text: str) -> Markup:
    """Return Markdown of one line as HTML without a paragraph around it."""
    return Markup(_PARSER.renderInline(text))  # noqa: S704 (HTML in the text is escaped)
