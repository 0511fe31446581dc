"""The versions of what numbers depend on, as installed here; it imports none of them."""

from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version

RECORDED_PACKAGES = ("tagbench", "numpy", "scikit-learn", "torch", "xgboost", "essentia")


def installed_versions() -> dict[str, str]:
    """Return the versions of those of `RECORDED_PACKAGES` that are installed."""
    versions = {}
    for package in RECORDED_PACKAGES:
        with suppress(PackageNotFoundError):
            versions[package] = version(package)
    return versions
