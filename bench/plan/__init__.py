"""What a study will cost, before it runs: small runs of the same study are measured, and their costs drawn out."""
