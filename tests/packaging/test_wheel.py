"""The wheel, built from the source archive as an outsider would, is whole and works anywhere."""

import configparser
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = (ROOT, ROOT / "connectors", ROOT / "models", ROOT / "tui")
PACKAGES = ("m2agent", "m2agent_connectors", "m2agent_models", "m2agent_tui")


def hatchling(*arguments: str, folder: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", *arguments],
        cwd=folder,
        check=True,
        capture_output=True,
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from a source archive that was built from this folder."""
    folder = tmp_path_factory.mktemp("wheel")
    hatchling("-t", "sdist", "-d", str(folder), folder=ROOT)
    (archive,) = folder.glob("m2agent-*.tar.gz")
    subprocess.run(["tar", "-xzf", str(archive), "-C", str(folder)], check=True)
    unpacked = folder / archive.name.removesuffix(".tar.gz")
    hatchling("-t", "wheel", "-d", str(folder), folder=unpacked)
    (built,) = folder.glob("m2agent-*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a fresh environment that holds the wheel and nothing else."""
    folder = tmp_path_factory.mktemp("fresh")
    venv.create(folder, symlinks=True)
    python = folder / "bin/python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"]
    subprocess.run([*pip, "--no-index", "--no-deps", str(wheel)], check=True)
    return python


def contents(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if not name.startswith("m2agent-")}


def test_the_wheel_holds_every_file_of_the_four_packages_and_no_other(wheel: Path) -> None:
    files = {
        file.relative_to(room).as_posix()
        for room, package in zip(ROOMS, PACKAGES, strict=True)
        for file in (room / package).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }

    assert contents(wheel) == files
    assert {f"{package}/py.typed" for package in PACKAGES} <= files


def test_every_entry_point_names_a_module_of_the_wheel(wheel: Path) -> None:
    names = contents(wheel)
    entry_points = configparser.ConfigParser()
    with zipfile.ZipFile(wheel) as archive:
        (listed,) = (n for n in archive.namelist() if n.endswith(".dist-info/entry_points.txt"))
        entry_points.read_string(archive.read(listed).decode())

    sections = {section: dict(entry_points[section]) for section in entry_points.sections()}

    assert set(sections) == {"console_scripts", "m2agent.connectors", "m2agent.models"}
    for entry in (value for section in sections.values() for value in section.values()):
        module = entry.partition(":")[0].replace(".", "/")
        assert {f"{module}.py", f"{module}/__init__.py"} & names, entry


def test_the_packages_import_from_any_folder(installed: Path, tmp_path: Path) -> None:
    """Even from one with folders that are called like our rooms."""
    for room in ("connectors", "m2agent", "models", "packaging", "tui"):
        (tmp_path / room).mkdir()
    code = f"import {', '.join(PACKAGES)}; print(m2agent.__file__)"

    done = subprocess.run(
        [installed, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )

    assert done.stdout.startswith(str(installed.parent.parent))


def test_the_command_is_on_the_path(installed: Path) -> None:
    assert installed.with_name("m2agent").exists()
