"""MCP servers as connectors: what they offer becomes tools, by the official SDK.

    [mcp.tickets]
    command = ["uvx", "tickets-mcp"]

    [mcp.wiki]
    url = "https://wiki.example/mcp"
    headers = { Authorization = "Bearer ${WIKI_TOKEN}" }

What a server says of a tool gives its effect, and what it does not say counts as `send`. What it
answers is an outsider's text, whoever runs it.
"""

from m2agent_connectors.mcp.connector import Mcp, sign_in

__all__ = ["Mcp", "sign_in"]
