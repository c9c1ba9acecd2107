"""What every notes service shares: simple values, filters, edits, and lines a model can scan."""
