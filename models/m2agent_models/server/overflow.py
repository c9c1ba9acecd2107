"""Recognises that a conversation was too long, in the words of each server."""

import re

_WORDS = (
    # llama-server
    r"request \((?P<prompt>\d+) tokens\) exceeds the available context size \((?P<size>\d+)",
    # vLLM, from old to new
    r"context length is (?P<size>\d+) tokens\b.{0,60}requested \d+ tokens \((?P<prompt>\d+) in the",
    r"context length is (?P<size>\d+) tokens\b.{0,60}request has (?P<prompt>\d+) input tokens",
    r"context length is (?P<size>\d+) tokens\b.{0,60}resulted in (?P<prompt>\d+) tokens",
    r"passed (?P<prompt>\d+) input tokens.{0,200}context length is only (?P<size>\d+) tokens",
    r"prompt \(length (?P<prompt>\d+)\) is longer than the maximum model length of (?P<size>\d+)",
    # SGLang
    r"input \((?P<prompt>\d+) tokens\) is longer than the model's context length \((?P<size>\d+)",
    r"context length of (?P<size>\d+) tokens\b.{0,120}?(?P<prompt>\d+) tokens from the input",
)
_PATTERNS = [re.compile(words, re.IGNORECASE | re.DOTALL) for words in _WORDS]
_WITHOUT_FIGURES = re.compile(
    r"exceed_context_size_error|context_length_exceeded|maximum context length|"
    r"exceeds? the (?:available )?context (?:size|length|window)|context window exceeds limit",
    re.IGNORECASE,
)


def overflow(message: str, context: int | None) -> tuple[int, int] | None:
    """The tokens of the prompt and of the context, if that is what the message is about.

    `context` is the size known so far, for a message without figures.
    """
    for pattern in _PATTERNS:
        if found := pattern.search(message):
            return int(found["prompt"]), int(found["size"])
    if _WITHOUT_FIGURES.search(message):
        return (context or 0) + 1, context or 0
    return None
