"""The errors that are the user's to mend; the command line prints each as one line."""


class InputError(Exception):
    """Something the user gave is wrong or missing: exit code 2. The message names it and says what to do."""


class StudyFailedError(Exception):
    """The input was right but the work could not be finished: exit code 1. The message says what failed."""


class BetterThanExpectedError(Exception):
    """A measure is better than expected beyond its margin: exit code 3, of `tagbench gate` alone."""
