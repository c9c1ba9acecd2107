"""The eight notes tools, called as the loop calls them, on real files."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from notes_scene import Notes, opened

from m2agent.connector import connector_named
from m2agent.errors import ToolFailed
from m2agent.events import Origin, Receipt
from m2agent_connectors.local_notes import LocalNotes


@pytest.fixture
async def notes(tmp_path: Path) -> Notes:
    return await opened(tmp_path)


async def test_eight_tools_describe_themselves_in_under_6000_characters(notes: Notes) -> None:
    specs = notes.toolbox.specs
    names = ["search", "read", "schema", "query", "create", "update", "comment", "trash"]
    assert [spec.name for spec in specs] == [f"notes_{name}" for name in names]
    assert sum(len(json.dumps(msgspec.to_builtins(spec))) for spec in specs) < 6_000
    assert connector_named("local-notes") is LocalNotes


async def test_a_row_is_a_file_with_its_values_as_front_matter(notes: Notes) -> None:
    result = await notes.call(
        "create",
        parent="invoices",
        title="INV-1042",
        props={"amount": "1204.50", "Due": "2026-12-01", "Tags": "urgent", "status": "open"},
        body="From Acme.",
    )
    assert notes.text("invoices/INV-1042") == (
        "---\nInvoice: INV-1042\nAmount: 1204.5\nDue: 2026-12-01\nTags:\n  - urgent\n"
        "Status: Open\n---\nFrom Acme.\n"
    )
    assert result.text == "Created invoices/INV-1042"
    assert result.receipts == [Receipt("row", "invoices/INV-1042")]
    assert result.data["id"] == "invoices/INV-1042"


async def test_a_new_note_never_takes_the_place_of_another(notes: Notes) -> None:
    notes.write("hiring PLAN", "mine")
    ids = [(await notes.call("create", parent="", title="Hiring plan")).data["id"] for _ in "ab"]
    assert ids == ["Hiring plan 2", "Hiring plan 3"]
    assert notes.text("hiring PLAN") == "mine"
    assert notes.text("Hiring plan 2") == "---\ntitle: Hiring plan\n---\n"


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Q3: a/b\\c*?", "Q3 a b c"),
        ("../../etc/passwd", "etc passwd"),
        (".hidden", "hidden"),
        ("CON", "CON note"),
        ("lpt1.txt", "lpt1.txt note"),
        ("[[x]]#y^z|", "x y z"),
        ("\x1b[31mred\x00", "31mred"),
        ("...", "Untitled"),
        ("Ärger", "Ärger"),
        ("漢" * 200, "漢" * 60),
    ],
)
async def test_any_title_gives_a_file_name_that_every_system_can_hold(
    notes: Notes, title: str, name: str
) -> None:
    result = await notes.call("create", parent="", title=title, body="text")
    assert result.data["id"] == name
    assert (await notes.call("read", id=name)).data["title"] == title


async def test_a_note_under_a_note_lies_in_the_folder_of_its_name(notes: Notes) -> None:
    notes.write("projects/hiring", "plan")
    made = await notes.call("create", parent="[[Hiring]]", title="Berlin")
    assert made.data["id"] == "projects/hiring/Berlin"
    with pytest.raises(ToolFailed, match=r"no folder 'projets'.*Near are: projects"):
        await notes.call("create", parent="projets", title="x")


@pytest.mark.parametrize(
    ("props", "words"),
    [
        ({"Statsu": "Open"}, r"no property 'Statsu'. Did you mean Status\?.*Amount \(number\)"),
        ({"Status": "Opn"}, "no option 'Opn'. Options are: Open, Paid, Wrong"),
        ({"Amount": "a lot"}, r"Amount \(number\) takes a number such as 1204.50, not 'a lot'"),
        ({"Amount": True}, "takes a number"),
        ({"Amount": float("inf")}, "finite"),
        ({"Due": "1.12.2026"}, "takes a date such as"),
        ({"Paid": "perhaps"}, "true or false"),
        ({"Mail": "nobody"}, "ann@example.com"),
        ({"Tags": [1.5, ["x"]]}, "takes text"),
        ({"Invoice": "another"}, "Give it once, as title"),
        ({"Tags": ["\ud800"]}, "UTF-8"),
    ],
)
async def test_a_wrong_property_or_value_is_answered_with_the_right_ones(
    notes: Notes, props: dict[str, Any], words: str
) -> None:
    before = notes.files()
    with pytest.raises(ToolFailed, match=words):
        await notes.call("create", parent="invoices", title="x", props=props)
    assert notes.files() == before


async def test_an_update_changes_what_was_asked_and_nothing_else(notes: Notes) -> None:
    notes.write("invoices/a", "---\n# mine\nStatus: Open # now\nAmount: 3\n---\none two\n\n- x\n")
    result = await notes.call(
        "update",
        id="[[A]]",
        props={"Status": "paid", "Tags": ["late"]},
        edits=[{"old": "two", "new": "TWO"}],
        append="- y",
    )
    assert notes.text("invoices/a") == (
        "---\n# mine\nStatus: Paid # now\nAmount: 3\nTags:\n  - late\n---\none TWO\n\n- x\n- y\n"
    )
    assert result.receipts == [Receipt("row", "invoices/a")]


@pytest.mark.parametrize(
    ("edits", "words"),
    [
        ([{"old": "one  two", "new": ""}], "does not occur. The nearest is: one two three"),
        ([{"old": "e", "new": ""}], r"occurs 5 times, on lines 1, 3. Give more"),
        ([{"old": "", "new": "x"}], "use append"),
        ([{"old": "one", "new": "1"}, {"old": "one", "new": "2"}], "Edit 2 was not made"),
    ],
)
async def test_an_edit_that_does_not_fit_exactly_once_changes_nothing(
    notes: Notes, edits: list[dict[str, str]], words: str
) -> None:
    notes.write("a", "one two three\n\nelse\n")
    with pytest.raises(ToolFailed, match=words):
        await notes.call("update", id="a", edits=edits, append="more")
    assert notes.text("a") == "one two three\n\nelse\n"


async def test_a_text_that_could_not_be_opened_again_is_not_written(notes: Notes) -> None:
    notes.write("a", "text")
    before = notes.files()
    with pytest.raises(ToolFailed, match="NUL character"):
        await notes.call("update", id="a", append="\0")
    with pytest.raises(ToolFailed, match="NUL character"):
        await notes.call("create", parent="", title="b", body="\0")
    with pytest.raises(ToolFailed, match="more than 16,777,216 bytes"):
        await notes.call("create", parent="", title="b", body="x" * (16 * 1024 * 1024))
    assert notes.files() == before


async def test_a_broken_head_is_named_and_can_be_put_right_by_an_edit(notes: Notes) -> None:
    notes.write("a", "---\nStatus: [open\n---\nbody\n")
    read = await notes.call("read", id="a")
    assert "Its properties cannot be read: line 3" in read.text
    assert read.origin[0].trust == "outside"
    with pytest.raises(ToolFailed, match="Put them right with edits first"):
        await notes.call("update", id="a", props={"Status": "open"})
    await notes.call("update", id="a", edits=[{"old": "[open", "new": "open"}])
    assert (await notes.call("read", id="a")).data["props"] == {"Status": "open"}


async def test_a_comment_is_a_callout_at_the_end(notes: Notes) -> None:
    notes.write("a", "text")
    await notes.call("comment", id="a", text="Looks wrong.\n\nAsk Ann.")
    await notes.call("comment", id="a", text="Asked.")
    first, second, third = notes.text("a").split("\n\n")
    assert first == "text"
    assert second.startswith("> [!comment] m2agent, 20")
    assert second.endswith("\n> Looks wrong.\n>\n> Ask Ann.")
    assert third.endswith("\n> Asked.\n")


async def test_trash_keeps_a_note_and_brings_it_back(notes: Notes) -> None:
    notes.write("projects/a", "first")
    gone = await notes.call("trash", id="projects/a")
    assert gone.data["id"] == ".trash/projects/a"
    assert (await notes.call("search", query="first")).data["total"] == 0
    notes.write("projects/a", "second")
    again = await notes.call("trash", id="a")
    assert again.data["id"] == ".trash/projects/a 2"
    back = await notes.call("trash", id="projects/a", restore=True)
    assert back.data["id"] == "projects/a"
    assert notes.files()["projects/a.md"] == b"first"
    notes.write(".trash/projects/a", "third")
    with pytest.raises(ToolFailed, match="another note projects/a now"):
        await notes.call("trash", id=".trash/projects/a", restore=True)
    with pytest.raises(ToolFailed, match=r"no note in the trash 'b'.*"):
        await notes.call("trash", id="b", restore=True)


async def test_a_long_note_is_read_page_by_page(notes: Notes) -> None:
    body = "".join(f"line {n}\r\n" for n in range(2_000))
    notes.write("long", body)
    seen, offset = "", 0
    while offset is not None:
        page = await notes.call("read", id="long", offset=offset)
        seen, offset = seen + page.data["body"], page.data["next"]
        marker = f'more characters: notes_read id="long" offset={offset}]'
        assert (marker in page.text) == (offset is not None)
    assert seen == body.replace("\r\n", "\n")


async def test_read_gives_properties_then_text_and_the_same_as_data(notes: Notes) -> None:
    notes.write("invoices/INV-7", "---\nAmount: 3\nnote: \x1b[31m\n---\nbo\x1bdy\n")
    notes.write("invoices/INV-8", "---\nAmount: 3\nTags: [a, b]\n---\nbo\x1bdy\n")
    read = await notes.call("read", id="INV-8")
    lines = read.text.splitlines()
    assert lines[0].startswith("invoices/INV-8 | changed 20")
    assert lines[1:] == [
        *["a row of the table invoices", "Invoice: INV-8", "Amount: 3", "Due:", "Paid:"],
        *["Tags: a, b", "Status:", "Mail:", "", "bo\N{REPLACEMENT CHARACTER}dy"],
    ]
    assert read.data["props"]["Tags"] == ["a", "b"]
    assert "\x1b" not in (await notes.call("read", id="INV-7")).text


async def test_a_table_is_read_as_its_schema(notes: Notes) -> None:
    notes.write("invoices/a", "")
    read = await notes.call("read", id="invoices")
    assert read == await notes.call("schema", table="Invoices")
    assert read.text.splitlines()[0] == "invoices | table | rows: 1"
    assert "Status (select: Open, Paid, Wrong)" in read.text
    assert {"name": "Amount", "type": "number", "options": []} in read.data["properties"]
    with pytest.raises(ToolFailed, match=r"no table 'invoice'.*Near are: invoices"):
        await notes.call("schema", table="invoice")


@pytest.mark.parametrize(
    ("yaml", "words"),
    [
        ("Amount: money\n", "Amount has type 'money'; title, text, number"),
        ("A: title\nB: title\n", "A and B cannot both be the title"),
        ("A: {type: select, option: [x]}\n", "A has 'option', but only type and options"),
        ("A: {type: select, options: x}\n", "the options of A must be a list"),
        ("- A\n", "give each property its type"),
        ("A: [\n", "line"),
    ],
)
async def test_a_wrong_schema_says_what_the_person_must_put_right(
    notes: Notes, yaml: str, words: str
) -> None:
    notes.write("bad/_table.yaml", yaml)
    notes.write("bad/a", "a row\n")
    with pytest.raises(ToolFailed, match=words):
        await notes.call("query", table="bad")
    with pytest.raises(ToolFailed, match="Ask the person"):
        await notes.call("create", parent="bad", title="x")
    assert (await notes.call("read", id="bad/a")).data["body"] == "a row\n"


async def test_origins_tell_clipped_words_from_the_persons_own(notes: Notes) -> None:
    notes.write("invoices/mine", "---\nAmount: 1\n---\nfind\n")
    notes.write("invoices/clip", "---\nsource: https://evil.example/x\nAmount: 2\n---\nfind\n")
    listed = await notes.call("query", table="invoices", sort=[{"prop": "Amount"}])
    clip = listed.text.index("invoices/clip")
    end = listed.text.index("\n", clip) + 1
    assert listed.origin == [
        Origin("own", "table invoices", 0, clip),
        Origin("outside", "note invoices/clip", clip, end),
    ]
    found = await notes.call("search", query="find")
    trust = {found.text[o.start : o.end].split(" ")[0]: o.trust for o in found.origin}
    assert trust == {"1-2": "own", "invoices/mine": "own", "invoices/clip": "outside"}
    assert (await notes.call("read", id="clip")).origin[0].source == "note invoices/clip"


async def test_the_mark_of_an_outsiders_words_cannot_be_taken_off_by_a_tool(notes: Notes) -> None:
    notes.write("clip", "---\nsource: https://evil.example\n---\nwords\n")
    for value in (None, "me", ["me"]):
        with pytest.raises(ToolFailed, match=r"others wrote it\. Only the person can"):
            await notes.call("update", id="clip", props={"Source": value})
    await notes.call("update", id="clip", append="more")
    assert (await notes.call("read", id="clip")).origin[0].trust == "outside"


async def test_files_changed_by_the_person_are_the_truth_at_once(notes: Notes) -> None:
    notes.write("invoices/a", "---\nStatus: Open\n---\nalpha\n")
    where = [{"prop": "Status", "value": "Paid"}]
    assert (await notes.call("query", table="invoices", where=where)).data["total"] == 0
    assert (await notes.call("search", query="alpha")).data["total"] == 1
    notes.write("invoices/a", "---\nStatus: Paid\n---\nomega\n")
    assert (await notes.call("query", table="invoices", where=where)).data["total"] == 1
    assert (await notes.call("search", query="alpha")).data["total"] == 0
    assert (await notes.call("search", query="omega")).data["total"] == 1


async def test_rows_come_as_tab_separated_lines_with_the_id_first(notes: Notes) -> None:
    for n in range(7):
        notes.write(f"invoices/INV-{n}", f"---\nAmount: {n}.5\nStatus: Open\n---\n")
    arguments: dict[str, Any] = {
        "table": "invoices",
        "where": [{"prop": "amount", "op": ">=", "value": 2}],
        "sort": [{"prop": "Amount", "desc": True}],
        "columns": ["Amount", "status"],
        "limit": 3,
    }
    first = await notes.call("query", **arguments)
    assert first.text == (
        "1-3 of 5 rows  next=3\nid\tAmount\tStatus\ninvoices/INV-6\t6.5\tOpen\n"
        "invoices/INV-5\t5.5\tOpen\ninvoices/INV-4\t4.5\tOpen\n"
    )
    second = await notes.call("query", **arguments, page="3")
    assert second.data == {
        "rows": [
            {"Amount": 3.5, "Status": "Open", "id": "invoices/INV-3"},
            {"Amount": 2.5, "Status": "Open", "id": "invoices/INV-2"},
        ],
        "total": 5,
        "next": None,
    }
    with pytest.raises(ToolFailed, match="page='two' is none"):
        await notes.call("query", **arguments, page="two")


async def test_a_page_of_rows_never_takes_more_than_2000_tokens(notes: Notes) -> None:
    for n in range(60):
        notes.write(f"invoices/{n:02}", f"---\nMail: {'x' * 400}@example.com\n---\n")
    seen: list[str] = []
    page: str | None = ""
    while page is not None:
        result = await notes.call("query", table="invoices", limit=50, page=page)
        assert len(result.text) < 8_000
        seen += [row["id"] for row in result.data["rows"]]
        page = result.data["next"]
    assert seen == [f"invoices/{n:02}" for n in range(60)]


async def test_rows_with_a_broken_head_are_listed_and_named(notes: Notes) -> None:
    notes.write("invoices/a", "---\nAmount: [\n---\n")
    result = await notes.call("query", table="invoices")
    assert result.data["rows"][0]["id"] == "invoices/a"
    assert "Properties that cannot be read, in 1: invoices/a: line 3" in result.text
