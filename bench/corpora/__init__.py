"""Data sets: each module here is one, with `load(root, **settings) -> Corpus`; there is no registry to edit."""
