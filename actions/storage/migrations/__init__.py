"""Revisions of the database, forward only. Each is frozen once released: it names no model.

To add one: change the models, copy the newest file of `versions`, give it the next number, and write what
`tests/actions/storage/test_migrations.py` says is missing.
"""
