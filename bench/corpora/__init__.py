"""Data sets, one module each, with `load(root, **settings) -> Corpus`; there is no registry to edit.

A data set that this project makes itself also has `create(root, *, workers, **settings)`, which makes what is
missing under `root` and is called before `load`.
"""

import inspect
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import BaseModel, ConfigDict, create_model

from bench.corpus import Corpus
from bench.digest import json_digest
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
    return create_model("CorpusSettings", __config__=ConfigDict(frozen=True, extra="forbid"), **fields)


def load_corpus(name: str, settings: dict[str, Any], *, root: Path | None, cache: Path, workers: int) -> Corpus:
    """Return a data set's corpus from `root` (default: the working folder).

    A data set that we make lies in a folder of its own, under `root` or the cache, and what is missing is made first.
    """
    module = corpus_module(name)
    folder = root or Path()
    if hasattr(module, "create"):
        folder = (root or cache / "corpora") / f"{name}-{json_digest([module.VERSION, settings])}"
        module.create(folder, workers=workers, **settings)
    corpus: Corpus = module.load(folder, **settings)
    return corpus
