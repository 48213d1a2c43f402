"""Store which request an upload and its events follow from."""

import sqlalchemy as sa
from alembic import op

revision = "1001"
down_revision = "1000"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; rows that exist keep NULL, because their requests were not recorded."""
    for table in ("uploads", "events"):
        op.add_column(table, sa.Column("request_id", sa.String(128)))
        op.add_column(table, sa.Column("traceparent", sa.String(55)))


def downgrade() -> None:
    """Drop the columns, and the origins with them."""
    for table in ("uploads", "events"):
        op.drop_column(table, "traceparent")
        op.drop_column(table, "request_id")
