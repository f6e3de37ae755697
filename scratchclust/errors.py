"""The one exception of our own: what a person gave is wrong, and the message says how to mend it."""


class InputError(ValueError):
    """A file, an argument or a combination of arguments that cannot be used.

    The message is one line: what was expected, what came, and the cure. The command line prints it and ends with
    exit code 2; every other exception is a failure of the program and ends with 1.
    """
