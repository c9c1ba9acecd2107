"""What each provider sends for a turn, and where in a request its earlier thinking stands."""

import json
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

THINKING = "The name is Ann."


@dataclass(frozen=True)
class Answer:
    """Bytes that are streamed; `whole` says how many more the head promises."""

    body: bytes
    status: int = 200
    kind: str = "text/event-stream"
    headers: dict[str, str] = field(default_factory=dict[str, str])
    missing: int = 0


@dataclass
class Host:
    """A provider on this machine, in a thread: litellm asks some while nothing else runs."""

    answers: list[Answer]
    url: str = ""
    bodies: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    heads: list[dict[str, str]] = field(default_factory=list[dict[str, str]])


@contextmanager
def hosting(*answers: Answer) -> Generator[Host, None, None]:
    host = Host(list(answers))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(404)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.path == "/api/show":  # Ollama, about a model
                self.send_error(404)
                return
            host.bodies.append(json.loads(body))
            host.heads.append(dict(self.headers))
            answer = host.answers.pop(0)
            self.send_response(answer.status)
            self.send_header("content-type", answer.kind)
            self.send_header("content-length", str(len(answer.body) + answer.missing))
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, format: str, *args: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    host.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield host
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def refused(status: int, message: str, **headers: str) -> Answer:
    body = json.dumps({"error": {"message": message, "type": "error", "code": status}}).encode()
    return Answer(body, status, "application/json", headers)


def sse(*events: dict[str, Any], done: bool = False) -> Answer:
    lines = [
        (f"event: {event['type']}\n" if "type" in event else "") + f"data: {json.dumps(event)}\n\n"
        for event in events
    ]
    return Answer("".join([*lines, "data: [DONE]\n\n" if done else ""]).encode())


# Chat completions: MiniMax, OpenRouter


def chunk(delta: dict[str, Any], reason: str | None = None, **more: Any) -> dict[str, Any]:
    choices = [{"index": 0, "delta": delta, "finish_reason": reason}]
    head = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return {**head, "choices": choices, **more}


def chat(*deltas: dict[str, Any], reason: str = "tool_calls", cost: float | None = None) -> Answer:
    usage: dict[str, Any] = {
        "prompt_tokens": 100,
        "completion_tokens": 20,
        "total_tokens": 120,
        "prompt_tokens_details": {"cached_tokens": 80},
    }
    if cost is not None:
        usage["cost"] = cost
    last: dict[str, Any] = {**chunk({}), "choices": [], "usage": usage}
    return sse(*map(chunk, deltas), chunk({}, reason), last, done=True)


def detail(text: str, **more: Any) -> dict[str, Any]:
    head = {"type": "reasoning.text", "id": "r1", "format": "MiniMax-response-v1", "index": 0}
    return {**head, "text": text, **more}


def call(arguments: str, name: str = "mail_search") -> dict[str, Any]:
    function = {"name": name, "arguments": arguments}
    return {"tool_calls": [{"index": 0, "id": "abc", "type": "function", "function": function}]}


_SEARCH = call('{"query": "ann"}')


def minimax() -> Answer:
    return chat(
        {"reasoning_content": "The name ", "reasoning_details": [detail("The name ")]},
        {"reasoning_content": "is Ann.", "reasoning_details": [detail("is Ann.")]},
        _SEARCH,
    )


def openrouter() -> Answer:
    return chat(
        {"role": "assistant", "reasoning": "The name ", "reasoning_details": [detail("The name ")]},
        {"reasoning": "is Ann.", "reasoning_details": [detail("is Ann.", signature="SIG")]},
        _SEARCH,
        cost=0.0123,
    )


def _details(body: dict[str, Any]) -> list[str]:
    turns = [message for message in body["messages"] if message["role"] == "assistant"]
    return [d["text"] for turn in turns for d in turn.get("reasoning_details", [])]


def _openrouter_details(body: dict[str, Any]) -> list[str]:
    turns = [message for message in body["messages"] if message["role"] == "assistant"]
    assert all(d["signature"] == "SIG" for turn in turns for d in turn["reasoning_details"])
    return _details(body)


# Anthropic, and MiniMax's own interface of that kind


def anthropic() -> Answer:
    begin: dict[str, Any] = {
        "id": "m",
        "type": "message",
        "role": "assistant",
        "model": "c",
        "content": [],
    }
    usage = {"input_tokens": 100, "output_tokens": 1}
    blocks: list[tuple[dict[str, Any], list[dict[str, Any]]]] = [
        (
            {"type": "thinking", "thinking": "", "signature": ""},
            [
                {"type": "thinking_delta", "thinking": "The name "},
                {"type": "thinking_delta", "thinking": "is Ann."},
                {"type": "signature_delta", "signature": "SIG"},
            ],
        ),
        ({"type": "redacted_thinking", "data": "HIDDEN"}, []),
        (
            {"type": "tool_use", "id": "toolu_1", "name": "mail_search", "input": {}},
            [{"type": "input_json_delta", "partial_json": '{"query": "ann"}'}],
        ),
    ]
    events: list[dict[str, Any]] = [{"type": "message_start", "message": {**begin, "usage": usage}}]
    for index, (block, deltas) in enumerate(blocks):
        events.append({"type": "content_block_start", "index": index, "content_block": block})
        events += [{"type": "content_block_delta", "index": index, "delta": d} for d in deltas]
        events.append({"type": "content_block_stop", "index": index})
    stop = {"stop_reason": "tool_use"}
    events.append({"type": "message_delta", "delta": stop, "usage": {"output_tokens": 20}})
    return sse(*events, {"type": "message_stop"})


def _blocks(body: dict[str, Any]) -> list[str]:
    turns = [message["content"] for message in body["messages"] if message["role"] == "assistant"]
    found: list[str] = []
    for turn in turns:
        assert [block["type"] for block in turn] == ["thinking", "redacted_thinking", "tool_use"]
        assert (turn[0]["signature"], turn[1]["data"]) == ("SIG", "HIDDEN")
        found.append(turn[0]["thinking"])
    return found


# OpenAI's Responses


def openai() -> Answer:
    told = {"type": "summary_text", "text": THINKING}
    item = {"id": "rs_1", "type": "reasoning", "summary": [told], "encrypted_content": "SEALED"}
    made = {
        "id": "fc_1",
        "type": "function_call",
        "call_id": "call_abc",
        "name": "mail_search",
        "arguments": '{"query": "ann"}',
        "status": "completed",
    }
    response = {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "model": "gpt-5",
        "status": "completed",
        "output": [item, made],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": {
            "input_tokens": 100,
            "output_tokens": 20,
            "total_tokens": 120,
            "input_tokens_details": {"cached_tokens": 80},
            "output_tokens_details": {"reasoning_tokens": 5},
        },
    }
    begun = {**response, "status": "in_progress", "output": [], "usage": None}
    events: Sequence[dict[str, Any]] = [
        {"type": "response.created", "response": begun},
        {"type": "response.output_item.added", "output_index": 0, "item": {**item, "summary": []}},
        {
            "type": "response.reasoning_summary_text.delta",
            "item_id": "rs_1",
            "output_index": 0,
            "summary_index": 0,
            "delta": THINKING,
        },
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {
            "type": "response.output_item.added",
            "output_index": 1,
            "item": {**made, "arguments": ""},
        },
        {
            "type": "response.function_call_arguments.delta",
            "item_id": "fc_1",
            "output_index": 1,
            "delta": made["arguments"],
        },
        {"type": "response.output_item.done", "output_index": 1, "item": made},
        {"type": "response.completed", "response": response},
    ]
    return sse(*({**event, "sequence_number": n} for n, event in enumerate(events)))


def _items(body: dict[str, Any]) -> list[str]:
    items = [item for item in body["input"] if item["type"] == "reasoning"]
    assert all(item["encrypted_content"] == "SEALED" for item in items)
    assert "reasoning.encrypted_content" in body["include"]
    return [item["summary"][0]["text"] for item in items]


# Gemini


def gemini() -> Answer:
    made = {"name": "mail_search", "args": {"query": "ann"}}
    usage = {"promptTokenCount": 100, "candidatesTokenCount": 20, "totalTokenCount": 120}
    thought = {"role": "model", "parts": [{"text": THINKING, "thought": True}]}
    called = {"role": "model", "parts": [{"functionCall": made, "thoughtSignature": "SIG"}]}
    return sse(
        {"candidates": [{"content": thought}]},
        {"candidates": [{"content": called, "finishReason": "STOP"}], "usageMetadata": usage},
    )


def _signed(body: dict[str, Any]) -> list[str]:
    turns = [turn["parts"] for turn in body["contents"] if turn["role"] == "model"]
    for parts in turns:
        assert [p["thoughtSignature"] for p in parts if "function_call" in p] == ["SIG"]
    return [part["text"] for parts in turns for part in parts if part.get("thought")]


# Ollama


def ollama() -> Answer:
    made = {"function": {"name": "mail_search", "arguments": {"query": "ann"}}}
    counts = {"prompt_eval_count": 100, "eval_count": 20}
    messages: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({"content": "", "thinking": "The name "}, {"done": False}),
        ({"content": "", "thinking": "is Ann."}, {"done": False}),
        ({"content": "", "tool_calls": [made]}, {"done": False}),
        ({"content": ""}, {"done": True, "done_reason": "stop", **counts}),
    ]
    lines = [
        json.dumps(
            {
                "model": "q",
                "created_at": "2026-01-01T00:00:00Z",
                "message": {"role": "assistant", **message},
                **more,
            }
        )
        for message, more in messages
    ]
    return Answer("\n".join([*lines, ""]).encode(), kind="application/x-ndjson")


def _fields(body: dict[str, Any]) -> list[str]:
    assert body["options"]["num_ctx"] == 32_768
    return [m["thinking"] for m in body["messages"] if m["role"] == "assistant"]


PROVIDERS: dict[str, tuple[Callable[[], Answer], Callable[[dict[str, Any]], list[str]]]] = {
    "minimax/MiniMax-M2": (minimax, _details),
    "minimax-anthropic/MiniMax-M2": (anthropic, _blocks),
    "openrouter/minimax/minimax-m2": (openrouter, _openrouter_details),
    "anthropic/claude-sonnet-4-5": (anthropic, _blocks),
    "openai/gpt-5": (openai, _items),
    "gemini/gemini-2.5-pro": (gemini, _signed),
    "ollama/qwen3": (ollama, _fields),
}
"""By model: a turn that thinks and calls, and the thinking that stands in a request."""


def base_url(name: str, url: str) -> str:
    return f"{url}/v1" if name.startswith(("minimax/", "openrouter/", "openai/")) else url
