"""Who answers at the terminal, for the journal."""

import getpass


def person() -> str:
    return f"{getpass.getuser()} in the terminal UI"
