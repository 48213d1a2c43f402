"""Create the settings of operators, and an index of failed uploads."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_FAILED = sa.text("processing_status IN ('FAILED')")


def upgrade() -> None:
    """Create the table and the index."""
    op.create_table(
        "settings",
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_settings"),
    )
    op.create_index("ix_uploads_failed", "uploads", ["id"], sqlite_where=_FAILED, postgresql_where=_FAILED)


def downgrade() -> None:
    """Drop the table and the index."""
    op.drop_index("ix_uploads_failed", table_name="uploads")
    op.drop_table("settings")
