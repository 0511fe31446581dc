"""Finding a data set or a model family by name: a module of this project, or an installed entry point."""

import importlib
import pkgutil
from collections.abc import Sequence
from importlib.metadata import entry_points
from types import ModuleType

from bench.errors import InputError


def find_module(what: str, name: str, packages: Sequence[str], entry_point_group: str) -> ModuleType:
    """Return the module `name` of the first of `packages` that has one, else the entry point of that name.

    Nothing outside these packages and the installed entry points can be named. Raises `InputError` for an unknown
    name, listing the known ones.
    """
    own = {module: package for package in reversed(packages) for module in _modules(package)}
    if name in own:
        return importlib.import_module(f"{own[name]}.{name}")
    installed = {point.name: point for point in entry_points(group=entry_point_group)}
    if name in installed:
        module = installed[name].load()
        if not isinstance(module, ModuleType):
            raise InputError(f"{what} {name!r}: the installed entry point must name a module")
        return module
    raise InputError(f"unknown {what} {name!r}; known: {', '.join(sorted(own | dict.fromkeys(installed, '')))}")


def _modules(package: str) -> list[str]:
    return [module.name for module in pkgutil.iter_modules(importlib.import_module(package).__path__)]
