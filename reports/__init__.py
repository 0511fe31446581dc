"""What is written from the records of a study: Table 1, its CSV, and the figures."""
