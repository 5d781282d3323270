"""One module an outside library or system, each asking the smallest question."""
