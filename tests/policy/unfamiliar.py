"""Tools of an office that the policy has never seen, as their servers describe them."""

from typing import Any

from m2agent.events import ToolSpec
from m2agent.tool import Effect

_TEXT: dict[str, Any] = {"type": "string"}
_LIST: dict[str, Any] = {"type": "array", "items": {"type": "string"}}
_ANY: dict[str, Any] = {"type": "object"}
_INT: dict[str, Any] = {"type": "integer"}

EFFECTS: dict[str, Effect] = {}
TOOLS: list[ToolSpec] = []


def _tool(name: str, effect: Effect, description: str, /, **parameters: dict[str, Any]) -> None:
    EFFECTS[name] = effect
    schema = {"type": "object", "properties": parameters}
    TOOLS.append(ToolSpec(name, description, schema))


_tool("mail_search", "read", "Find mails.", query=_TEXT)
_tool("mail_read", "read", "Read one mail.", id=_TEXT)
_tool(
    "mail_draft", "write", "Write a mail without sending it.",
    to=_LIST, cc=_LIST, subject=_TEXT, body=_TEXT, reply_to=_TEXT,
)  # fmt: skip
_tool("mail_send", "send", "Send a draft, at once and for good.", draft_id=_TEXT)
_tool(
    "mail_label", "write", "Add labels to mails. Archive: remove INBOX. Star: add STARRED.",
    ids=_LIST, add=_LIST, remove=_LIST,
)  # fmt: skip
_tool("mail_trash", "write", "Move mails into the trash.", ids=_LIST)
_tool("send_email", "send", "Sends an email.", recipients=_LIST, subject=_TEXT, body=_TEXT)
_tool("save_attachment", "write", "Save an attachment as a file.", id=_TEXT, index=_INT, path=_TEXT)
_tool("notes_search", "read", "Find notes.", query=_TEXT)
_tool("notes_read", "read", "Read a note.", id=_TEXT)
_tool(
    "notes_create", "write", "Create a note or a row.",
    parent=_TEXT, title=_TEXT, props=_ANY, body=_TEXT,
)  # fmt: skip
_tool("notes_update", "write", "Change a note.", id=_TEXT, props=_ANY, append=_TEXT)
_tool("notes_trash", "write", "Move a note to the trash.", id=_TEXT)
_tool("contacts_find", "read", "Find contacts by name.", name=_TEXT)
_tool("contacts_update", "write", "Change a contact.", contact=_TEXT, email=_TEXT, phone=_TEXT)
_tool("calendar_day", "read", "List a day's events.", day=_TEXT)
_tool("calendar_search", "read", "Find events.", query=_TEXT)
_tool(
    "calendar_create", "write", "Create an event for yourself.",
    title=_TEXT, start=_TEXT, end=_TEXT, location=_TEXT, description=_TEXT,
)  # fmt: skip
_tool("calendar_invite", "send", "Invite people to an event.", event_id=_TEXT, participants=_LIST)
_tool("calendar_accept", "send", "Accept an invitation.", event_id=_TEXT)
_tool("files_list", "read", "List files.")
_tool("files_read", "read", "Read a file.", path=_TEXT)
_tool("files_create", "write", "Create a file.", filename=_TEXT, content=_TEXT)
_tool("files_append", "write", "Add text to a file.", file_id=_TEXT, content=_TEXT)
_tool("files_delete", "destroy", "Delete a file for good.", file_id=_TEXT)
_tool("files_share", "send", "Share a file.", file_id=_TEXT, email=_TEXT, permission=_TEXT)
_tool("web_fetch", "send", "Fetch a web page.", url=_TEXT)
_tool("shell_run", "send", "Run a command.", command=_TEXT)
_tool("bank_transactions", "read", "List transactions.")
_tool("bank_transfer", "send", "Transfer money.", recipient=_TEXT, amount=_INT, subject=_TEXT)
_tool("bank_update_password", "write", "Change the password.", password=_TEXT)
_tool(
    "bank_update_standing_order", "write", "Change a standing order.",
    order_id=_TEXT, recipient=_TEXT, amount=_INT,
)  # fmt: skip
_tool("chat_post", "send", "Post a message.", channel=_TEXT, text=_TEXT)
_tool("chat_add_member", "write", "Add a user to a channel.", user=_TEXT, channel=_TEXT)
_tool("hotels_find", "read", "Find hotels.", city=_TEXT)
_tool("hotels_reserve", "write", "Reserve a hotel.", hotel=_TEXT, start_day=_TEXT, end_day=_TEXT)
_tool("crm_enrich", "write", "Fill up a company's data.", company_id=_TEXT, website=_TEXT)
_tool("tickets_list", "read", "List tickets.", query=_TEXT)
_tool("tickets_close", "write", "Close a ticket.", ticket_id=_TEXT)
_tool("agent_report", "read", "What a sub-agent found.")
