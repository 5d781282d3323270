"""All that Rasa loads, and the only importer of rasa. Runs in .venv-engine (Python 3.10)."""
