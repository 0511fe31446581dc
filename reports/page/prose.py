"""Turns the report's own Markdown into HTML: one text for `table1.md` and for the page."""

from collections.abc import Mapping, Sequence
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import OptionsDict
from markupsafe import Markup, escape


class _Renderer(RendererHTML):
    """Writes tables that scroll and say what their columns are, and drawings in place of links to their files."""

    def table_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: Any) -> str:
        del tokens, idx, options, env
        return '<div class="scroll" tabindex="0" role="region" aria-label="table"><table>'

    def table_close(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: Any) -> str:
        del tokens, idx, options, env
        return "</table></div>"

    def th_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: Any) -> str:
        del options, env
        return f'<th scope="col"{_side(tokens[idx])}>'

    def td_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: Any) -> str:
        del options, env
        return f"<td{_side(tokens[idx])}>"

    def image(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: Any) -> str:
        told = self.renderInlineAsText(tokens[idx].children, options, env)
        return str(env["drawings"].get(str(tokens[idx].attrs["src"]), escape(told)))


def _side(token: Token) -> str:
    """Return the class of a column that is set right."""
    return ' class="number"' if "right" in str(token.attrs.get("style", "")) else ""


def _parser() -> MarkdownIt:
    """Return a parser that takes HTML for text and makes no links."""
    parser = MarkdownIt("commonmark", {"html": False}, renderer_cls=_Renderer)
    return parser.enable("table").disable(["link", "autolink", "reference", "html_block", "html_inline"])


_PARSER = _parser()


def prose(text: str, drawings: Mapping[str, Markup] | None = None) -> Markup:
    """Return Markdown as HTML; an image whose path names one of `drawings` becomes that."""
    return Markup(_PARSER.render(text, {"drawings": drawings or {}}))  # noqa: S704 (HTML in the text is escaped)


def phrase(text: str) -> Markup:
    """Return Markdown of one line as HTML without a paragraph around it."""
    return Markup(_PARSER.renderInline(text, {"drawings": {}}))  # noqa: S704 (HTML in the text is escaped)
