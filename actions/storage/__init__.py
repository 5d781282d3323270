"""The account-security database: tables, and the unit of work that a use case commits."""
