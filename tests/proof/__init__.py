"""Proofs with real processes under load: killed, raced, cut off. `make test-security` runs them in full."""
