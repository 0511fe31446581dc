"""The command that says what a study will cost."""
