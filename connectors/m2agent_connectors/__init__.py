"""Connectors: one service each, found through the entry point group `m2agent.connectors`."""
