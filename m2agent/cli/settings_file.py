"""Writes one key of the configuration, and leaves comments and everything else as they are."""

import os
from collections.abc import MutableMapping
from typing import Any, cast

import tomlkit
from tomlkit.exceptions import ParseError

from m2agent.errors import SetupError
from m2agent.home import config_file, home, private
from m2agent.settings import read_settings


def write(key: str, value: Any) -> None:
    """Set a key, such as `limits.turns`; None takes it out.

    Raises SetupError where the file cannot be written, or would not be right any more.
    """
    file = config_file()
    *tables, name = key.split(".")
    part = file.with_name(f"{file.name}.{os.getpid()}.part")
    private(home())
    try:
        document = tomlkit.parse(file.read_text("utf-8") if file.exists() else "")
        place = cast(MutableMapping[str, Any], document)
        for table in tables:
            place = cast(MutableMapping[str, Any], place.setdefault(table, tomlkit.table()))
        if value is None:
            place.pop(name, None)
        else:
            place[name] = value
        part.write_text(tomlkit.dumps(document), "utf-8")
        part.chmod(0o600)
        read_settings(part)
        part.replace(file)
    except ParseError as error:
        raise SetupError(
            f"The configuration {file} cannot be read: {error}.", fix=f"Correct it in: {file}"
        ) from error
    except SetupError as error:
        problem = error.problem.replace(str(part), str(file))
        raise SetupError(problem, fix="Nothing was changed.") from error
    except OSError as error:
        raise SetupError(
            f"The configuration {file} cannot be written: {error.strerror}.",
            fix=f"Set {key} by hand in: {file}",
        ) from error
    finally:
        part.unlink(missing_ok=True)
