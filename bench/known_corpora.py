"""What is known of each data set, from its module's docstring, and what of it is found on this machine.

A data set's docstring opens with a sentence that says what it is, and has the fields `Licence:`, `Citation:`, `Size:`
and `Audio:`, each on lines of its own, of which the second and later are indented.
"""

import inspect
import json
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, ValidationError

from bench.corpora import CORPUS_ENTRY_POINTS, CORPUS_PACKAGES, settings_model
from bench.corpus import PARTS, Corpus
from bench.errors import InputError
from bench.extensions import all_modules
from bench.sound_file import can_be_read

FIELDS = ("Licence", "Citation", "Size", "Audio")
FOUND = "Found"
WIDTH = 100  # columns of a terminal
INDENT = 2
FIELD_LINES = re.compile(r"^(\w+): *(.*(?:\n[ ]+\S.*)*)", re.MULTILINE)


@dataclass(frozen=True)
class Description:
    """What a data set's docstring says: what it is, and its fields by name, as far as it has them."""

    title: str
    fields: dict[str, str]


def describe(module: ModuleType) -> Description:
    """Return what the docstring of a data set's module says."""
    text = inspect.getdoc(module) or ""
    title = text.split("\n\n")[0].split(".\n")[0].split(". ")[0]
    found = {name: _one_line(value) for name, value in FIELD_LINES.findall(text) if name in FIELDS}
    return Description(_one_line(title).rstrip("."), found)


def tell_corpora(root: Path) -> str:
    """Return a table of all data sets that a study can name, and of what is found in `root`."""
    modules = all_modules(CORPUS_PACKAGES, CORPUS_ENTRY_POINTS)
    return "\n\n".join(_told(name, module, root) for name, module in modules.items() if hasattr(module, "load"))


def look_for(name: str, module: ModuleType, root: Path) -> str:
    """Return what is found of a data set in `root/<name>` or else in `root`; nothing is written.

    Beside its default settings each other choice is tried of each setting that has a few, one at a time, and told of
    where that finds other tracks, parts or tags.
    """
    if hasattr(module, "create"):
        return "nothing to look for: it is made when a study asks for it"
    model = settings_model(module)
    try:
        settings = model().model_dump()
    except ValidationError as error:
        needed = ", ".join(str(problem["loc"][0]) for problem in error.errors())
        return f"not looked for: a study has to say its {needed}"
    found: dict[str, str] = {}  # by what is told of the metadata
    reasons = []
    for choice in ({}, *_other_choices(model, settings)):
        try:
            metadata, audio = _look(module, [root / name, root], settings | choice)
        except InputError as error:
            reasons.append(str(error))
        else:
            found.setdefault(metadata, f"{_written(choice)}{metadata}{audio}")
    return ". ".join(found.values()) or f"not found: {reasons[0]}"


def _other_choices(model: type[BaseModel], settings: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Give each setting that has a few choices each but its default."""
    for setting, field in model.model_fields.items():
        if get_origin(field.annotation) is Literal:
            yield from ({setting: choice} for choice in get_args(field.annotation) if choice != settings[setting])


def _written(choice: dict[str, Any]) -> str:
    return "".join(f"With {setting} = {json.dumps(value)}: " for setting, value in choice.items())


def _look(module: ModuleType, folders: list[Path], settings: dict[str, Any]) -> tuple[str, str]:
    """Return what the first folder that has a data set has of its metadata and audio; raises the first's reason."""
    reasons = []
    for folder in [folder for folder in folders[:-1] if folder.is_dir()] + folders[-1:]:
        try:
            seen = module.glance(folder) if hasattr(module, "glance") else None
            return (f"metadata in {folder}: {seen}", "") if seen else _found(module.load(folder, **settings))
        except InputError as error:
            reasons.append(error)
    raise reasons[0]


def _found(corpus: Corpus) -> tuple[str, str]:
    there = sum(can_be_read(corpus.root / file) for file in corpus.files.tolist())
    kinds = [(kind, len(corpus.tag_rows(kind))) for kind in ("classification", "regression")]
    tags = " and ".join(f"{count} {kind}" for kind, count in kinds if count)
    return (
        f"metadata in {corpus.root}: {len(corpus):,} tracks{_parts(corpus)}, {tags} tags",
        f"; audio files found: {there:,} of {len(corpus):,}",
    )


def _parts(corpus: Corpus) -> str:
    if corpus.parts is None:
        return ""
    return " (" + " / ".join(f"{int((corpus.parts == part).sum()):,}" for part in PARTS) + ")"


def _told(name: str, module: ModuleType, root: Path) -> str:
    known = describe(module)
    fields = {field: known.fields.get(field, "its module does not say") for field in FIELDS}
    return "\n".join([name, *_wrapped("", known.title), *_lines(fields | {FOUND: look_for(name, module, root)})])


def _lines(fields: dict[str, str]) -> Iterator[str]:
    width = max(map(len, fields)) + 2
    for field, value in fields.items():
        yield from _wrapped(field.lower().ljust(width), value)


def _wrapped(label: str, value: str) -> list[str]:
    first = " " * INDENT + label
    lines = textwrap.wrap(
        value, WIDTH, initial_indent=first, subsequent_indent=" " * len(first), break_on_hyphens=False
    )
    return lines or [first]


def _one_line(text: str) -> str:
    return " ".join(text.split())
