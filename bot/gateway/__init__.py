"""The process that faces the internet: page, conversations, messages, secrets, stream."""
