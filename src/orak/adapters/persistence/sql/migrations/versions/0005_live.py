"""Index events by user, and create the tickets for live status."""

import sqlalchemy as sa
from alembic import op

from orak.adapters.persistence.sql.dialect import BigId, UtcDateTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_OWNER = {
    "sqlite": "json_extract(payload, '$.userId')",
    "postgresql": "CAST(CAST(payload AS json) ->> 'userId' AS bigint)",
}


def upgrade() -> None:
    """Add `events.user_id`, filled from the payloads, and the table of tickets."""
    op.add_column("events", sa.Column("user_id", BigId))
    op.execute(f"UPDATE events SET user_id = {_OWNER[op.get_bind().dialect.name]}")  # noqa: S608 - both values are constants
    op.create_index("ix_events_own", "events", ["user_id", "position"])
    op.create_table(
        "live_tickets",
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("user_id", BigId, nullable=False),
        sa.Column("expires_at", UtcDateTime, nullable=False),
        sa.Column("token_expires_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("hash", name="pk_live_tickets"),
    )
    op.create_index("ix_live_tickets_expires_at", "live_tickets", ["expires_at"])


def downgrade() -> None:
    """Drop the column and the table."""
    op.drop_table("live_tickets")
    op.drop_index("ix_events_own", table_name="events")
    op.drop_column("events", "user_id")
