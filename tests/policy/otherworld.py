"""A world that the policy was not made with: other trades, other tools, other languages.

The tools are named and described as MCP servers do. What is done with them is in
`data/otherworld_*.jsonl`.
"""

from typing import Any

from m2agent.events import ToolSpec
from m2agent.tool import Effect

_TEXT: dict[str, Any] = {"type": "string"}
_NUMBER: dict[str, Any] = {"type": "number"}
_LIST: dict[str, Any] = {"type": "array", "items": {"type": "string"}}
_ANY: dict[str, Any] = {"type": "object"}

EFFECTS: dict[str, Effect] = {}
TOOLS: list[ToolSpec] = []


def _tool(name: str, effect: Effect, description: str, /, **parameters: dict[str, Any]) -> None:
    EFFECTS[name] = effect
    TOOLS.append(ToolSpec(name, description, {"type": "object", "properties": parameters}))


# Letting of flats
_tool("tenancy_listUnits", "read", "Lists all rental units with tenant and rent.")
_tool("tenancy_getUnit", "read", "Returns one unit.", unitId=_TEXT)
_tool("tenancy_updateUnit", "write", "Updates fields of a rental unit.", unitId=_TEXT, fields=_ANY)
_tool("tenancy_logRepair", "write", "Files a repair request.", unitId=_TEXT, text=_TEXT)
_tool("tenancy_notifyTenant", "send", "Texts a tenant.", unitId=_TEXT, message=_TEXT)
_tool("ledger_listEntries", "read", "Lists ledger entries.", month=_TEXT)
_tool("ledger_addEntry", "write", "Books an entry.", account=_TEXT, amount=_NUMBER, text=_TEXT)
_tool("ledger_setPayee", "write", "Sets the bank details of a payee.", payee=_TEXT, iban=_TEXT)
_tool("ledger_pay", "send", "Initiates a SEPA transfer.", iban=_TEXT, amount=_NUMBER, ref=_TEXT)
# A clinic's desk
_tool("clinic.findPatient", "read", "Search patients.", q=_TEXT)
_tool("clinic.slots", "read", "Free slots of a day.", day=_TEXT)
_tool("clinic.book", "write", "Reserve a slot.", patient=_TEXT, slot=_TEXT, note=_TEXT)
_tool("clinic.move", "write", "Move a booking to another slot.", booking=_TEXT, slot=_TEXT)
_tool("clinic.cancel", "destroy", "Cancel a booking.", booking=_TEXT)
_tool("clinic.addNote", "write", "Append to a patient's chart.", patient=_TEXT, note=_TEXT)
_tool("clinic.inbox", "read", "Messages from patients.")
_tool("clinic.reply", "send", "Answer a patient's message.", message=_TEXT, text=_TEXT)
# Software people
_tool("gh_list_issues", "read", "List issues in a repository.", repo=_TEXT, state=_TEXT)
_tool("gh_get_issue", "read", "Get an issue with its comments.", repo=_TEXT, number=_NUMBER)
_tool("gh_add_label", "write", "Add labels to an issue.", repo=_TEXT, number=_NUMBER, labels=_LIST)
_tool("gh_comment", "send", "Comment on an issue.", repo=_TEXT, number=_NUMBER, body=_TEXT)
_tool("gh_merge", "send", "Merge a pull request.", repo=_TEXT, number=_NUMBER)
_tool("gh_put_file", "write", "Create or update a file.", repo=_TEXT, path=_TEXT, content=_TEXT)
_tool("linear_create_issue", "write", "Create an issue.", team=_TEXT, title=_TEXT, body=_TEXT)
_tool("linear_update_issue", "write", "Update an issue.", id=_TEXT, state=_TEXT, assignee=_TEXT)
_tool("slack_history", "read", "Read a channel.", channel=_TEXT)
_tool("slack_postMessage", "send", "Post to a channel or a user.", channel=_TEXT, text=_TEXT)
_tool("http_get", "send", "Fetch a URL.", url=_TEXT)
_tool("sql_query", "send", "Run SQL.", sql=_TEXT)
_tool("browser_navigate", "send", "Open a page in the browser.", url=_TEXT)
# Anybody's
_tool("imap_list", "read", "List messages of a folder.", folder=_TEXT)
_tool("imap_get", "read", "Get a message.", uid=_TEXT)
_tool("imap_move", "write", "Move a message.", uid=_TEXT, folder=_TEXT)
_tool("imap_flag", "write", "Set a flag.", uid=_TEXT, flag=_TEXT)
_tool("imap_saveDraft", "write", "Save a draft.", to=_LIST, subject=_TEXT, text=_TEXT)
_tool("smtp_submit", "send", "Submit a message.", to=_LIST, subject=_TEXT, text=_TEXT)
_tool("sieve_addRule", "write", "Add a filter rule.", match=_TEXT, action=_TEXT)
_tool("vault_readNote", "read", "Read a note.", path=_TEXT)
_tool("vault_writeNote", "write", "Write a note, replacing it.", path=_TEXT, content=_TEXT)
_tool("vault_appendNote", "write", "Append to a note.", path=_TEXT, content=_TEXT)
_tool("vault_list", "read", "List notes.")
_tool("todo_list", "read", "List tasks.")
_tool("todo_add", "write", "Add a task.", title=_TEXT, due=_TEXT)
_tool("todo_done", "write", "Complete a task.", id=_TEXT)
_tool("agenda_list", "read", "List events.", day=_TEXT)
_tool("agenda_add", "write", "Add an event.", title=_TEXT, start=_TEXT, notes=_TEXT)
_tool("agenda_invite", "send", "Invite somebody.", event=_TEXT, email=_TEXT)
_tool("contacts_lookup", "read", "Look a person up.", name=_TEXT)
_tool("contacts_save", "write", "Save a contact.", name=_TEXT, email=_TEXT, phone=_TEXT)
_tool("sheet_read", "read", "Read cells.", sheet=_TEXT, range=_TEXT)
_tool("sheet_write", "write", "Write cells.", sheet=_TEXT, range=_TEXT, values=_LIST)
_tool("drive_share", "send", "Share a file.", file=_TEXT, with_=_TEXT)
_tool("drive_find", "read", "Find files.", name=_TEXT)
_tool("run_shell", "send", "Run a shell command.", cmd=_TEXT)
