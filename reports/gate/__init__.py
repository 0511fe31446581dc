"""The gate: what a study finds, set against what is expected of it, so that CI turns red when a metric gets worse."""
