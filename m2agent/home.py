"""Where everything that m2agent keeps lies: one folder, which M2AGENT_HOME moves.

Only paths here; whoever writes makes the folder first, with `private`.
"""

import os
from pathlib import Path

from m2agent.errors import SetupError


def home() -> Path:
    """The folder of all state: M2AGENT_HOME, or the system's place for a program's data."""
    moved = os.environ.get("M2AGENT_HOME")
    if moved:
        return Path(moved).expanduser().absolute()
    import platformdirs

    return platformdirs.user_data_path("m2agent", appauthor=False)


def config_file() -> Path:
    return home() / "config.toml"


def journal_file() -> Path:
    return home() / "journal.db"


def always_file() -> Path:
    return home() / "always.toml"


def models() -> Path:
    return home() / "models"


def offices() -> Path:
    return home() / "offices"


def private(folder: Path) -> Path:
    """Make a folder that only its owner can look into. Raises SetupError where that fails."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SetupError(
            f"The folder {folder} cannot be made: {error.strerror}.",
            fix="Name one that can be written: export M2AGENT_HOME=FOLDER",
        ) from error
    return folder
