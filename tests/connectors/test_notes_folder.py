"""What counts as a note, which file an id means, and folders that are not as they should be."""

import unicodedata
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from notes_scene import Notes, account, opened, quick_disk

from m2agent.errors import SetupError, ToolFailed
from m2agent_connectors.local_notes import LocalNotes


@pytest.fixture
async def notes() -> AsyncIterator[Notes]:
    with quick_disk() as disk:
        yield await opened(disk / "notes")


async def found(notes: Notes) -> list[str]:
    result = await notes.call("search", query="", limit=50)
    return sorted(item["id"] for item in result.data["items"])


async def body(notes: Notes, id: str) -> str:
    return (await notes.call("read", id=id)).data["body"]


@pytest.mark.parametrize(
    "id",
    [
        "projects/Hiring",
        "projects/Hiring.md",
        "/projects/Hiring",
        " projects//Hiring ",
        "PROJECTS/hiring.md",
        "hiring",
        "[[Hiring]]",
        "[[hiring|plan]]",
        "[[projects/Hiring#Costs]]",
    ],
)
async def test_an_id_may_be_written_in_many_ways(notes: Notes, id: str) -> None:
    notes.write("projects/Hiring", "plan")
    assert (await notes.call("read", id=id)).data["id"] == "projects/Hiring"


async def test_a_title_that_several_notes_have_is_asked_back(notes: Notes) -> None:
    notes.write("a/plan", "")
    notes.write("b/Plan", "")
    with pytest.raises(ToolFailed, match=r"'plan' can mean a/plan, b/Plan\. Give one"):
        await notes.call("read", id="[[plan]]")
    assert (await notes.call("read", id="b/plan")).data["id"] == "b/Plan"


async def test_an_unknown_id_is_answered_with_near_ones(notes: Notes) -> None:
    notes.write("projects/hiring", "")
    with pytest.raises(ToolFailed, match=r"no note 'hirng'\. Near are: projects/hiring\. Use"):
        await notes.call("read", id="hirng")


@pytest.mark.parametrize("written", ["NFC", "NFD"])
@pytest.mark.parametrize("asked", ["NFC", "NFD"])
async def test_names_are_the_same_however_their_letters_are_composed(
    notes: Notes, written: Any, asked: Any
) -> None:
    notes.write(unicodedata.normalize(written, "Café/Ärger"), "text")
    assert await body(notes, unicodedata.normalize(asked, "Café/Ärger")) == "text"
    made = await notes.call("create", parent=unicodedata.normalize(asked, "Café"), title="x")
    assert made.data["id"] == unicodedata.normalize(written, "Café") + "/x"
    assert (await notes.call("search", query=unicodedata.normalize(asked, "Ärger"))).data["total"]


@pytest.mark.parametrize(
    "id",
    [
        *["../secret", "a/../../secret", "/etc/passwd", "link/secret", "loop", "~/secret"],
        *[".obsidian/app", ".trash/x", "a\0b", "x" * 5_000, "x/" * 2_000, "", ".", "..", "[[]]"],
    ],
    ids=ascii,
)
async def test_no_id_leads_out_of_the_folder_or_into_a_hidden_one(notes: Notes, id: str) -> None:
    outside = notes.folder.parent
    (outside / "secret.md").write_text("secret")
    (notes.folder / "link").symlink_to(outside)
    (notes.folder / "out.md").symlink_to(outside / "secret.md")
    (notes.folder / "loop.md").symlink_to("loop.md")
    notes.write(".obsidian/app.md", "hidden")
    notes.write(".trash/x", "hidden")
    for tool, more in [
        ("read", {}),
        ("update", {"append": "x"}),
        ("comment", {"text": "x"}),
        ("trash", {}),
    ]:
        with pytest.raises(ToolFailed, match="There is no note"):
            await notes.call(tool, id=id, **more)
    assert await found(notes) == ["invoices"]
    with pytest.raises(ToolFailed, match="There is no note"):
        await notes.call("read", id="out")
    assert (outside / "secret.md").read_text() == "secret"


@pytest.mark.parametrize("parent", ["..", "../x", "/etc", "link", ".obsidian", "a\0b", "x" * 5_000])
async def test_nothing_is_created_outside_the_folder(notes: Notes, parent: str) -> None:
    (notes.folder / "link").symlink_to(notes.folder.parent)
    before = sorted(notes.folder.parent.rglob("*"))
    with pytest.raises(ToolFailed, match="There is no folder"):
        await notes.call("create", parent=parent, title="x")
    assert sorted(notes.folder.parent.rglob("*")) == before


async def test_a_link_to_a_note_inside_is_followed_and_stays_a_link(notes: Notes) -> None:
    notes.write("real", "text")
    (notes.folder / "alias.md").symlink_to("real.md")
    await notes.call("update", id="alias", append="more")
    assert (notes.folder / "alias.md").is_symlink()
    assert notes.text("real") == "text\n\nmore\n"


async def test_a_schema_that_is_a_link_out_of_the_folder_is_not_read(notes: Notes) -> None:
    (notes.folder.parent / "secret").write_text("token: hunter2\n")
    (notes.folder / "t").mkdir()
    (notes.folder / "t/_table.yaml").symlink_to(notes.folder.parent / "secret")
    with pytest.raises(ToolFailed, match="There is no table"):
        await notes.call("schema", table="t")


async def test_files_that_are_no_notes_harm_nothing(notes: Notes) -> None:
    notes.write("binary", b"\x00\x01\x02")
    notes.write("latin", b"caf\xe9 au lait\n")
    notes.write("big", b"word " * 2_000_000)
    notes.write("huge", b"x" * (16 * 1024 * 1024 + 1))
    (notes.folder / "bad\nname.md").write_text("x")
    (notes.folder / "folder.md").mkdir()
    assert await found(notes) == ["big", "binary", "huge", "invoices", "latin"]
    assert (await notes.call("search", query="lait")).data["items"][0]["id"] == "latin"
    assert await body(notes, "latin") == "caf\N{REPLACEMENT CHARACTER} au lait\n"
    assert (await notes.call("read", id="big", max_chars=10)).data["chars"] == 10_000_000
    with pytest.raises(ToolFailed, match="binary is no text"):
        await notes.call("read", id="binary")
    with pytest.raises(ToolFailed, match=r"huge has 16,777,217 bytes; notes of more than"):
        await notes.call("update", id="huge", append="x")
    await notes.call("update", id="big", append="end")
    assert (notes.folder / "big.md").read_bytes() == b"word " * 2_000_000 + b"\n\nend\n"


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=40), st.text(max_size=40))
async def test_any_title_and_any_id_make_a_note_or_words(notes: Notes, title: str, id: str) -> None:
    try:
        made = await notes.call("create", parent="", title=title, body="b")
        assert await body(notes, made.data["id"]) == "b\n"
        await notes.call("trash", id=made.data["id"])
        await notes.call("read", id=id)
    except ToolFailed as failure:
        assert str(failure).endswith((".", "?"))


async def test_a_folder_is_made_only_where_it_is_the_accounts_own(tmp_path: Path) -> None:
    notes = await LocalNotes.open(account(tmp_path / "own", {}))
    assert (tmp_path / "own").is_dir()
    await notes.close()
    with pytest.raises(SetupError, match=r"notes folder .*vault cannot be opened: No such file"):
        await LocalNotes.open(account(tmp_path, {"folder": str(tmp_path / "vault")}))
    (tmp_path / "file").write_text("")
    with pytest.raises(SetupError, match="vault is no whole path"):
        await LocalNotes.open(account(tmp_path, {"folder": "vault"}))
    with pytest.raises(SetupError, match="Not a directory"):
        await LocalNotes.open(account(tmp_path, {"folder": str(tmp_path / "file")}))


async def test_the_log_of_operations_stays_out_of_the_persons_own_folder(tmp_path: Path) -> None:
    (tmp_path / "vault").mkdir()
    given = account(tmp_path / "state", {"folder": str(tmp_path / "vault")})
    notes = Notes(tmp_path / "vault", await LocalNotes.open(given))
    await notes.call("create", parent="", title="x")
    assert [path.name for path in (tmp_path / "vault").iterdir()] == ["x.md"]
    assert (tmp_path / "state/.m2agent/operations").is_file()


async def test_an_unknown_setting_is_refused_with_the_known_one(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"'foldr' of the account.*\n.*there can be: folder"):
        await LocalNotes.open(account(tmp_path, {"foldr": "x"}))


async def test_a_folder_that_vanishes_is_said_and_not_a_crash(notes: Notes) -> None:
    notes.folder.rename(notes.folder.with_name("elsewhere"))
    assert await found(notes) == []
    with pytest.raises(ToolFailed, match="There is no note"):
        await notes.call("read", id="x")
    with pytest.raises(ToolFailed, match="There is no folder"):
        await notes.call("create", parent="", title="x")


async def test_names_that_hide_marks_are_found_as_they_are_shown(notes: Notes) -> None:
    name = "plan\N{RIGHT-TO-LEFT OVERRIDE}dm.2026"
    (notes.folder / f"{name}.md").write_text("text")
    shown = (await notes.call("search", query="text")).text.splitlines()[1].split(" | ")[0]
    assert shown == "plandm.2026"
    assert await body(notes, shown) == "text"
