"""The process that owns every effect and every secret."""
