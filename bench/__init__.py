"""The harness: corpora, splits, matched training sizes, cells, metrics and their records."""
