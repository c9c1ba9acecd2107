"""GGUF files of a person's own, named by `m2agent models add`."""

import shutil
from pathlib import Path

import pytest

from m2agent.errors import SetupError, UsageError
from m2agent.home import models
from m2agent_models import own
from m2agent_models.local import model_file


def test_an_added_file_stays_where_it_is_and_is_found_by_its_name(tiny_m2: Path) -> None:
    added = own.add(tiny_m2, "mine")
    assert model_file("mine").resolve() == tiny_m2
    assert [(entry.name, entry.title) for entry in own.own()] == [("mine", "tiny MiniMax-M2")]
    assert 0 < added.dense < added.size < tiny_m2.stat().st_size


def test_without_a_name_it_is_called_as_its_file(tmp_path: Path, tiny_m2: Path) -> None:
    file = shutil.copyfile(tiny_m2, tmp_path / "Some-Model.Q4_K_M.gguf")
    assert own.add(file).name == "some-model.q4_k_m"


@pytest.mark.parametrize("name", ["starter", "mine", "../up", "With Blanks", "-x"])
def test_a_name_that_cannot_be_is_refused(tiny_m2: Path, name: str) -> None:
    own.add(tiny_m2, "mine")
    with pytest.raises(UsageError):
        own.add(tiny_m2, name)
    assert [file.name for file in models().iterdir()] == ["mine.gguf"]


def test_a_file_that_is_no_model_is_not_added(tmp_path: Path) -> None:
    (tmp_path / "no.gguf").write_bytes(b"PK\x03\x04")
    with pytest.raises(SetupError, match="is no GGUF"):
        own.add(tmp_path / "no.gguf")


def test_a_file_that_was_moved_away_is_not_listed(tmp_path: Path, tiny_m2: Path) -> None:
    file = shutil.copyfile(tiny_m2, tmp_path / "gone.gguf")
    own.add(file)
    file.unlink()
    assert own.own() == []
    with pytest.raises(SetupError, match="no model 'gone'"):
        model_file("gone")
