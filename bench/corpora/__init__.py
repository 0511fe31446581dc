"""Data sets, one module each, with `load(root, **settings) -> Corpus`; there is no registry to edit.

A data set that this project makes itself also has `create(root, *, workers, **settings)`, which makes what is missing
under `root`, in one process at a time (`bench.locks.making`), and is called before `load`; `outline(root, **settings)
-> Corpus`, its tracks, groups and tags, known before anything is made, with targets of 0; and
`folder_name(**settings)`, the folder that all corpora of such settings may share.

A data set whose `load` takes long or leaves something in `root` may have `glance(root) -> str | None`: what is there,
as far as can be told at once, or None where `load` is quick and leaves nothing.
"""

import inspect
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import BaseModel, ConfigDict, create_model

from bench.corpus import Corpus
from bench.costs import stage
from bench.errors import InputError
from bench.extensions import all_modules, find_module

CORPUS_PACKAGES = ["bench.corpora"]
CORPUS_ENTRY_POINTS = "tagbench.corpora"


def corpus_module(name: str) -> ModuleType:
    """Return the module of a data set; raises `InputError` for an unknown name."""
    module = find_module(name, CORPUS_PACKAGES, CORPUS_ENTRY_POINTS)
    if module is None or not hasattr(module, "load"):
        everything = all_modules(CORPUS_PACKAGES, CORPUS_ENTRY_POINTS)
        known = [name for name, module in everything.items() if hasattr(module, "load")]
        raise InputError(f"unknown corpus {name!r}; known: {', '.join(known)}")
    return module


def settings_model(module: ModuleType) -> type[BaseModel]:
    """Return a model of the keyword arguments of a data set's `load`: unknown names and wrong types are refused."""
    parameters = list(inspect.signature(module.load).parameters.values())[1:]
    fields: dict[str, Any] = {
        parameter.name: (
            parameter.annotation,
            ... if parameter.default is inspect.Parameter.empty else parameter.default,
        )
        for parameter in parameters
    }
    return create_model(
        "CorpusSettings", __config__=ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False), **fields
    )


@dataclass(frozen=True)
class Place:
    """A data set, its settings and the folder it lies in."""

    module: ModuleType
    settings: dict[str, Any]
    folder: Path

    @stage("corpus")
    def outline(self) -> Corpus:
        """Return the tracks with their groups, before anything is made; of a data set that exists, the corpus."""
        if not hasattr(self.module, "create"):
            return self._found
        corpus: Corpus = self.module.outline(self.folder, **self.settings)
        return corpus

    @stage("corpus")
    def load(self, *, workers: int) -> Corpus:
        """Return the corpus; what is missing of a data set that we make is made first."""
        if hasattr(self.module, "create"):
            self.module.create(self.folder, workers=workers, **self.settings)
        return self._found

    @cached_property
    def _found(self) -> Corpus:
        """The corpus that is there; large metadata take long to read, and are read once."""
        corpus: Corpus = self.module.load(self.folder, **self.settings)
        return corpus


def place_of(name: str, settings: dict[str, Any], *, root: Path | None, cache: Path) -> Place:
    """Return where a data set lies: in `root` (default: the working folder).

    A data set that we make has a folder of its own under `root` or the cache. Raises `InputError` where there is no
    folder `root` that holds another.
    """
    module = corpus_module(name)
    if not hasattr(module, "create"):
        if root is not None and not root.is_dir():
            raise InputError(f"there is no folder {root}; give the folder of the data set with --root")
        return Place(module, settings, root or Path())
    return Place(module, settings, (root or cache / "corpora") / module.folder_name(**settings))
