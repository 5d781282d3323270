"""Until when a new certificate is valid, so that the same confirmation again hears the same."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column("certificate_renewal", sa.Column("valid_until", sa.DateTime(timezone=True)))
