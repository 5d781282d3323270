"""The answers as data: institutions, topics, languages, and the checks over them. No Rasa, no web."""
