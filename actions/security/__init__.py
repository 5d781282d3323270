"""The rules: values in, a decision out. Standard library only; no clock, no database, no sentence."""
