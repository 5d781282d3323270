"""The use cases: one class a noun, one method a verb, one transaction a call."""
