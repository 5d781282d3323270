"""When an identification was begun, so that one that was left half-way does not stay for ever."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.add_column("identification", sa.Column("given_at", sa.DateTime(timezone=True)))
    op.execute("UPDATE identification SET given_at = CURRENT_TIMESTAMP")
