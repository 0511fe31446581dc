"""A study is a TOML file: which corpus, how it is divided, which training sizes and seeds, which families.

Everything that changes a number stands in it; everything it says is checked when it is read.
"""

import re
import tomllib
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictInt, ValidationError, field_validator, model_validator

from bench.audio import AudioSettings
from bench.corpora import corpus_module, settings_model
from bench.corpus import Corpus
from bench.errors import InputError
from bench.families import FamilyChoice
from bench.prepare import PrepareSettings
from bench.splits import Split, official_split, split
from bench.tagger import Tagger
from bench.tags import TagChoice
from bench.text_files import parse_toml
from bench.tuning import Tuning, TuningSettings, with_settings

MOST_NAME_CHARACTERS = 200  # of a study: folders and MLflow's experiments are named by it
DELTA_FAMILIES = ("waveform", "spectrogram")  # Δ is spectrogram against waveform


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class CorpusChoice(BaseModel):
    """The data set by name; every other key is a setting of its loader."""

    model_config = ConfigDict(frozen=True, extra="allow")

    name: str

    @property
    def settings(self) -> dict[str, Any]:
        """The loader's settings, complete with their defaults."""
        return settings_model(corpus_module(self.name)).model_validate(self.model_extra or {}).model_dump()


class SplitSettings(_Section):
    """How the corpus is divided: "hash" by group, with about these shares of the groups, or the "official" parts."""

    kind: Literal["hash", "official"] = "hash"
    valid: float = Field(default=0.1, gt=0, lt=1)
    test: float = Field(default=0.1, gt=0, lt=1)
    seed: int = 0

    @model_validator(mode="after")
    def _some_tracks_are_left_to_train_on(self) -> "SplitSettings":
        if self.valid + self.test >= 1:
            raise ValueError(f"valid {self.valid:g} and test {self.test:g} leave nothing to train on")
        return self

    def used(self, corpus: Corpus) -> Corpus:
        """Return the tracks that are in any part."""
        if self.kind == "official" and corpus.parts is not None:
            return corpus.take(corpus.parts != "")
        return corpus

    def divide(self, corpus: Corpus) -> Split:
        """Return the three parts."""
        if self.kind == "official":
            return official_split(corpus)
        return split(corpus, valid=self.valid, test=self.test, seed=self.seed)


class Scoring(_Section):
    """A classification tag is scored with at least so many positives and negatives among the test tracks."""

    min_positives: int = Field(default=10, ge=1)
    min_negatives: int = Field(default=10, ge=1)


@dataclass(frozen=True)
class Entry:
    """One row family of the table: a tagger under a unique label; `pair` joins two networks for a Δ.

    `audio` is None for a tagger that needs none.
    `tuning` is None in a study without, and for a family that has nothing to try.
    """

    label: str
    family: str
    tagger: Tagger
    pair: str
    audio: AudioSettings | None
    tuning: Tuning | None = None


@dataclass(frozen=True)
class Cell:
    """One thing to train: an entry at one training size with one seed."""

    entry: Entry
    n_train: int
    seed: int


class Study(_Section):
    """A whole study; `note` is a sentence for the table's caption; `threads` is the number of torch threads.

    Training sizes are given as numbers of tracks, `sizes`, or as `shares` of the training part, which `sized` turns
    into numbers. `tags` says what the study wants otherwise of a tag than the data set has it, by its name.

    `defaults` gives, by family, settings that each of its entries in `families` has unless it says otherwise.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=MOST_NAME_CHARACTERS)
    note: str = ""
    corpus: CorpusChoice
    audio: AudioSettings = AudioSettings()
    split: SplitSettings = SplitSettings()
    prepare: PrepareSettings = PrepareSettings()
    scoring: Scoring = Scoring()
    tuning: TuningSettings | None = None
    sizes: list[Annotated[StrictInt, Field(ge=1)]] = []
    shares: list[Annotated[float, Field(gt=0, le=1)]] = []
    seeds: Annotated[list[Annotated[StrictInt, Field(ge=0, lt=2**32)]], Field(min_length=1)] = [0]
    subset_seed: StrictInt = 0
    threads: int = Field(default=2, ge=1)
    defaults: dict[str, dict[str, Any]] = {}
    families: Annotated[list[FamilyChoice], Field(min_length=1)]
    tags: dict[str, TagChoice] = {}

    @model_validator(mode="after")
    def _sizes_are_given_once(self) -> "Study":
        if bool(self.sizes) == bool(self.shares):
            raise ValueError(
                "sizes: give the training sizes, as numbers of tracks in `sizes` or as `shares` of them all"
            )
        return self

    @model_validator(mode="before")
    @classmethod
    def _entries_take_the_defaults(cls, content: Any) -> Any:  # noqa: ANN401 - whatever a file holds; refused later
        if not isinstance(content, dict) or not isinstance(content.get("families"), list):
            return content
        defaults = content.get("defaults")
        if not isinstance(defaults, dict):
            return content
        return content | {"families": [_with_defaults(entry, defaults) for entry in content["families"]]}

    @model_validator(mode="after")
    def _defaults_are_of_its_families(self) -> "Study":
        unused = sorted(set(self.defaults) - {choice.family for choice in self.families})
        if unused:
            raise ValueError(f"defaults.{unused[0]}: no entry of the study is of this family")
        return self

    @field_validator("sizes", "shares", "seeds")
    @classmethod
    def _no_number_twice(cls, numbers: list[float]) -> list[float]:
        if len(set(numbers)) < len(numbers):
            raise ValueError("a number stands in it twice")
        return sorted(numbers)

    @field_validator("families")
    @classmethod
    def _labels_are_unique(cls, families: list[FamilyChoice]) -> list[FamilyChoice]:
        label, count = Counter(family.name for family in families).most_common(1)[0]
        if count > 1:
            raise ValueError(f"label {label!r} stands {count} times; give each family entry a label of its own")
        return families

    @model_validator(mode="after")
    def _a_named_pair_is_one_of_each_network(self) -> "Study":
        named: dict[str, list[str]] = defaultdict(list)
        for choice in self.families:
            if choice.pair:
                named[choice.pair].append(choice.family)
        for pair, families in named.items():
            if sorted(families) != sorted(DELTA_FAMILIES):
                raise ValueError(
                    f"pair {pair!r} joins {', '.join(families)}; a pair is one waveform and one spectrogram"
                )
        return self

    def entries(self) -> list[Entry]:
        """Return the study's entries, with pairs resolved."""
        return [
            Entry(
                choice.name,
                choice.family,
                choice.tagger(),
                self._pair(choice),
                self.heard_by(choice),
                choice.tuning(self.tuning),
            )
            for choice in self.families
        ]

    def heard_by(self, choice: FamilyChoice) -> AudioSettings | None:
        """Return how an entry hears the tracks, None where it needs no audio."""
        return (choice.audio or self.audio) if choice.tagger().needs_audio else None

    def sized(self, n_train: int) -> "Study":
        """Return the study with its shares as numbers of tracks, of a training part of `n_train`.

        Raises `InputError` where two shares come to the same number, or one to none.
        """
        if not self.shares:
            return self
        sizes = [round(share * n_train) for share in self.shares]
        if min(sizes) < 1 or len(set(sizes)) < len(sizes):
            told = ", ".join(f"{share:g}" for share in self.shares)
            raise InputError(f"shares {told} of {n_train} training tracks are {sizes}; give `sizes` instead")
        return self.model_copy(update={"sizes": sizes, "shares": []})

    @property
    def told_sizes(self) -> str:
        """The training sizes, to be read."""
        return ", ".join([*map(str, self.sizes), *(f"{100 * share:g} %" for share in self.shares)])

    def cells(self) -> Iterator[Cell]:
        """Yield every cell, small sizes first, so that a first whole row of the table comes early."""
        for n_train in self.sizes:
            for seed in self.seeds:
                for entry in self.entries():
                    yield Cell(entry, n_train, seed)

    def _pair(self, choice: FamilyChoice) -> str:
        if choice.pair is not None or choice.family not in DELTA_FAMILIES:
            return choice.pair or ""
        networks = sorted(other.family for other in self.families if other.family in DELTA_FAMILIES)
        return "networks" if networks == sorted(DELTA_FAMILIES) else ""


def _with_defaults(entry: Any, defaults: dict[str, Any]) -> Any:  # noqa: ANN401 - likewise
    own = defaults.get(str(entry.get("family"))) if isinstance(entry, dict) else None
    return own | entry if isinstance(own, dict) else entry


def shipped_studies() -> list[str]:
    """Return the names of the studies that come with the project."""
    return sorted(file.name.removesuffix(".toml") for file in files("bench").joinpath("studies").iterdir())


def shipped_text(name: str) -> str:
    """Return the TOML of a shipped study; raises `InputError` for another name."""
    if name not in shipped_studies():
        raise InputError(f"no study {name!r} is shipped; those that are: {', '.join(shipped_studies())}")
    return files("bench").joinpath("studies", f"{name}.toml").read_text("utf-8")


def read_study(name_or_path: str, families: Collection[str] = ()) -> Study:
    """Return a shipped study by name, or a study from a TOML file, with those entries alone that are of `families`.

    Without `families`, all are kept. Raises `InputError`, one line that names the key and what is wrong with it.
    """
    text, where = _study_text(name_or_path)
    try:
        content = parse_toml(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{where} is not valid TOML: {error}") from error
    if not content:
        raise InputError(f"{where} is empty; `tagbench study your_corpus > {where}` fills it with a template")
    content.setdefault("name", re.sub(r"[^A-Za-z0-9._-]+", "-", Path(where).stem).strip("-.") or "study")
    try:
        study = Study.model_validate(content)
    except ValidationError as error:
        raise InputError(f"{where}: {describe_first_fault(error)}") from error
    if families:
        study = _with_families(study, families, where)
    _check_settings(study, where)
    return study


def _with_families(study: Study, families: Collection[str], where: str) -> Study:
    """Leave the other entries out.

    Refuses, with `InputError`, where one of them hears tracks in a way of its own: a track that cannot be heard so is
    out of the whole study, which nobody would know.
    """
    kept = [choice for choice in study.families if choice.family in families]
    if not kept:
        raise InputError(f"{where}: no entry is of the families {', '.join(families)}")
    heard = {choice.audio or study.audio for choice in kept}
    for choice in study.families:
        if (choice.audio or study.audio) not in heard:
            raise InputError(f"{where}: families.{choice.name} hears audio in its own way; run the whole study at once")
    return study.model_copy(update={"families": kept})


def _study_text(name_or_path: str) -> tuple[str, str]:
    if name_or_path in shipped_studies():
        return shipped_text(name_or_path), f"{name_or_path}.toml"
    path = Path(name_or_path)
    if not path.is_file():
        shipped = ", ".join(shipped_studies())
        raise InputError(f"no study {name_or_path!r}: neither a TOML file nor one of the shipped ones ({shipped})")
    try:
        return path.read_text("utf-8"), str(path)
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not a text file: {error}") from error


def _check_settings(study: Study, where: str) -> None:
    """Refuse an unknown data set or family, and settings that its loader or tagger cannot work with."""
    checks: list[tuple[str, Callable[[], object]]] = [("corpus", lambda: study.corpus.settings)]
    for choice in study.families:
        checks.append((f"families.{choice.name}", partial(_check_family, choice, study)))
        checks.append((f"families.{choice.name}.search", partial(_check_search, choice, study)))
    for section, check in checks:
        try:
            check()
        except ValidationError as error:
            raise InputError(f"{where}: {section}.{describe_first_fault(error)}") from error
        except InputError as error:
            raise InputError(f"{where}: {section}: {error}") from error


def _check_family(choice: FamilyChoice, study: Study) -> None:
    tagger, heard = choice.tagger(), study.heard_by(choice)
    if heard is not None:
        tagger.check(heard)
    elif choice.audio is not None:
        raise InputError("needs no audio with these settings; remove `audio`")


def _check_search(choice: FamilyChoice, study: Study) -> None:
    """Refuse values that the family does not take, and trials whose settings do not go together."""
    tagger, tuning = choice.tagger(), choice.tuning(study.tuning)
    heard = study.heard_by(choice)
    for settings in tuning.candidates(tagger) if tuning else ():
        candidate = with_settings(tagger, settings)
        if candidate.needs_audio != tagger.needs_audio:
            raise InputError("some of these settings need audio and some do not; give them an entry each")
        if heard is not None:
            candidate.check(heard)


def describe_first_fault(error: ValidationError) -> str:
    """Return one line for the first of a model's faults: the key, and what is wrong with its value."""
    fault = error.errors()[0]
    key = ".".join(str(step) for step in fault["loc"])
    if fault["type"] == "extra_forbidden":
        return f"{key}: unknown key; remove it or mend its spelling"
    if fault["type"] == "missing":
        return f"{key}: is missing"
    message = fault["msg"].removeprefix("Value error, ")
    shown = f" (got {fault['input']!r})" if isinstance(fault["input"], str | int | float | bool) else ""
    return f"{key}: {message[0].lower()}{message[1:]}{shown}" if key else message
