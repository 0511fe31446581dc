"""The page's templates, style and script, which lie beside this file; whatever they are given is escaped."""

import base64
import hashlib
from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from bench.one_line import printable
from reports.page.prose import minus

FOLDER = "templates"


def _shown(value: object) -> object:
    """Return text as a page may have it: nothing in it turns the direction of what stands around it."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    return "\n".join(map(printable, value.splitlines()))


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("reports.page", FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    environment.filters["minus"] = minus
    return environment


def render(template: str, **values: object) -> Markup:
    """Return a template filled with values; text among them is escaped, `Markup` is not."""
    return Markup(_environment().get_template(template).render(**values))  # noqa: S704 (escaped by the templates)


def source(name: str) -> Markup:
    """Return the style or the script of the page as it is."""
    return Markup(files("reports.page").joinpath(FOLDER, name).read_text("utf-8"))  # noqa: S704 (ours)


def content_hash(text: str) -> str:
    """Return what a Content-Security-Policy calls a text that may run."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
