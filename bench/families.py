"""Model families by name, and what a study says of one."""

import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from bench.audio import AudioSettings
from bench.errors import InputError
from bench.extensions import all_modules, find_module
from bench.tagger import Tagger, Trained
from bench.tuning import Tuning, TuningSettings

FAMILY_PACKAGES = ["baselines", "neural"]
FAMILY_ENTRY_POINTS = "tagbench.families"


class FamilyChoice(BaseModel):
    """A family by name; `label`, `pair` and `audio` as in `Entry`, every other key a setting of the family.

    `search` takes the place of what the family itself declares to be tried.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    family: str
    label: str = ""
    pair: str | None = None
    audio: AudioSettings | None = None
    search: Annotated[dict[str, Annotated[list[Any], Field(min_length=1)]], Field(min_length=1)] | None = None

    @property
    def name(self) -> str:
        """The label, by default the family's name."""
        return self.label or self.family

    def tagger(self) -> Tagger:
        """Return the family's validated settings."""
        return tagger_class(self.family).model_validate(self.model_extra or {})

    def tuning(self, settings: TuningSettings | None) -> Tuning | None:
        """Return what is tried of the family; raises as `Tuning.of`, and where a search is given in vain."""
        if settings is None:
            if self.search is not None:
                raise InputError("says what to try, but the study has no [tuning]; add `[tuning]` with `trials`")
            return None
        tagger = self.tagger()
        search: Mapping[str, Sequence[object]] = tagger.search if self.search is None else self.search
        return Tuning.of(tagger, search, settings) if search else None


def tagger_class(family: str) -> type[Tagger]:
    """Return the `Tagger` that a family's module defines; raises `InputError` for an unknown family."""
    module = find_module(family, FAMILY_PACKAGES, FAMILY_ENTRY_POINTS)
    tagger = _tagger_of(module) if module else None
    if tagger is None:
        everything = all_modules(FAMILY_PACKAGES, FAMILY_ENTRY_POINTS)
        known = [name for name, module in everything.items() if _tagger_of(module)]
        raise InputError(f"unknown family {family!r}; known: {', '.join(known)}")
    return tagger


def load_trained(tagger: type[Tagger], folder: Path) -> Trained:
    """Return the model that a family saved; raises `InputError` where what lies in the folder is none of it."""
    try:
        return tagger.load(folder)
    except InputError:
        raise
    except Exception as error:  # whatever a family's reader meets in files that it did not write
        line = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise InputError(f"{folder} holds no model of this family that can be read ({line})") from error


def _tagger_of(module: ModuleType) -> type[Tagger] | None:
    """Return the one concrete `Tagger` that is defined in a module, if there is one."""
    own = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Tagger) and value.__module__ == module.__name__
    ]
    concrete = [tagger for tagger in own if not inspect.isabstract(tagger)]
    return concrete[0] if len(concrete) == 1 else None
