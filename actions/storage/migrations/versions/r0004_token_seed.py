"""Which command's code of a software token was accepted last, so that the same command again hears the same."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("token_seed", sa.Column("last_key", sa.String(64)))
