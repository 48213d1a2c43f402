"""Create the table of events that a subscriber set aside."""

import sqlalchemy as sa
from alembic import op

from orak.adapters.persistence.sql.dialect import BigId, UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "deferred_facts",
        sa.Column("reader", sa.String(100), nullable=False),
        sa.Column("position", BigId, autoincrement=False, nullable=False),
        sa.Column("due_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("reader", "position", name="pk_deferred_facts"),
    )
    op.create_index("ix_deferred_facts_due", "deferred_facts", ["reader", "due_at", "position"])


def downgrade() -> None:
    """Drop the table; the events in it are not delivered again."""
    op.drop_table("deferred_facts")
