"""Finding a data set or a model family by name: a module of this project, or an installed entry point."""

import importlib
import pkgutil
from collections.abc import Sequence
from importlib.metadata import entry_points
from types import ModuleType


def find_module(name: str, packages: Sequence[str], entry_point_group: str) -> ModuleType | None:
    """Return the module `name` of the first of `packages` that has one, else that of an entry point, else None.

    Nothing outside these packages and the installed entry points can be named.
    """
    for package in packages:
        if name in _own_modules(package):
            return importlib.import_module(f"{package}.{name}")
    for point in entry_points(group=entry_point_group, name=name):
        module = point.load()
        return module if isinstance(module, ModuleType) else None
    return None


def all_modules(packages: Sequence[str], entry_point_group: str) -> dict[str, ModuleType]:
    """Return every module that `find_module` can find, by name."""
    names = {name for package in packages for name in _own_modules(package)}
    names |= {point.name for point in entry_points(group=entry_point_group)}
    found = {name: find_module(name, packages, entry_point_group) for name in sorted(names)}
    return {name: module for name, module in found.items() if module is not None}


def _own_modules(package: str) -> list[str]:
    return [module.name for module in pkgutil.iter_modules(importlib.import_module(package).__path__)]
