"""Signed HTTP clients of the two inner processes."""
