"""Turns the report's own Markdown into HTML: one text for `table1.md` and for the page."""

import re
from collections.abc import Callable, Sequence
from itertools import pairwise

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict
from markupsafe import Markup, escape

from reports.study_folder import ADDED_MARK, HIT_CAP_MARK

Draw = Callable[[str, str], Markup]

_MINUS = re.compile(r"(?<![^ (])-(?=\d)")


class _Renderer(RendererHTML):
    """Writes tables that scroll by themselves, and drawings in place of links to their files."""

    def table_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:  # noqa: ARG002
        opened = Markup('<div class="scroll" role="region" tabindex="0" aria-label="{0}"><table>{1}')
        return opened.format(env["caption"], Markup('<caption class="unseen">{}</caption>').format(env["caption"]))

    def table_close(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:  # noqa: ARG002
        return "</table></div>"

    def image(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        draw: Draw = env["draw"]
        return draw(str(tokens[idx].attrs["src"]), self.renderInlineAsText(tokens[idx].children, options, env))


def _for_the_page(state: StateCore) -> None:
    """Say what the cells of tables are, give numbers in them a minus, and take no drawing for a paragraph."""
    for before, token in pairwise(state.tokens):
        if before.type in {"th_open", "td_open"}:
            if before.type == "th_open":
                before.attrSet("scope", "col")
            if "right" in str(before.attrs.pop("style", "")):
                before.attrSet("class", "number")
                for child in token.children or []:
                    child.content = minus(child.content)
        if before.type == "inline" and [child.type for child in before.children or []] == ["image"]:
            token.hidden = True
        if token.type == "inline" and [child.type for child in token.children or []] == ["image"]:
            before.hidden = True


def _parser() -> MarkdownIt:
    """Return a parser that takes HTML for text and makes no links."""
    parser = MarkdownIt("commonmark", {"html": False}, renderer_cls=_Renderer)
    parser.enable("table").disable(["link", "autolink", "reference", "html_block", "html_inline"])
    parser.core.ruler.push("for_the_page", _for_the_page)
    return parser


_MARK = re.compile(f" (?=[{HIT_CAP_MARK}{ADDED_MARK}] )")  # before the mark of a row
_PARSER = _parser()


def prose(text: str, draw: Draw = lambda _, told: escape(told), *, caption: str = "") -> Markup:
    """Return Markdown as HTML; `draw` makes what stands for an image of its path and its description.

    `caption` is what its tables are called for who cannot see under which heading they stand.
    """
    text = _MARK.sub("\N{NO-BREAK SPACE}", text)
    return Markup(_PARSER.render(text, {"draw": draw, "caption": caption}))  # noqa: S704 (HTML in the text is escaped)


def phrase(text: str) -> Markup:
    """Return Markdown of one line as HTML without a paragraph around it."""
    return Markup(_PARSER.renderInline(text))  # noqa: S704 (HTML in the text is escaped)


def minus(text: str) -> str:
    """Return text in which the hyphen before a number is a minus, as wide as a plus."""
    return _MINUS.sub("−", text)
