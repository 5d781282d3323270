"""Anxin's own processes: the engine, the gateway, and what they share."""
