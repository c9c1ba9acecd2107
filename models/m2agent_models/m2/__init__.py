"""MiniMax-M2's format: what the model is given to read, and what it writes."""

from m2agent_models.m2.parse import Parser

__all__ = ["Parser"]
