"""The terminal UI: draws events, sends back what the person wants, decides nothing."""
