"""MiniMax-M2's format: what the model is given to read, and what it writes."""

from m2agent_models.m2.markers import (
    CALLS,
    END,
    END_CALLS,
    END_THINK,
    MARKERS,
    PADDING,
    ROLE,
    START,
    THINK,
    UNKNOWN,
)
from m2agent_models.m2.parse import Parser
from m2agent_models.m2.render import Segment, render, segments

__all__ = [
    "CALLS",
    "END",
    "END_CALLS",
    "END_THINK",
    "MARKERS",
    "PADDING",
    "ROLE",
    "START",
    "THINK",
    "UNKNOWN",
    "Parser",
    "Segment",
    "render",
    "segments",
]
