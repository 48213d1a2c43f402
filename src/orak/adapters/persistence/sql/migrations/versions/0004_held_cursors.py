"""Hold a cursor in one process at a time; store deferred events' upload and tries."""

import sqlalchemy as sa
from alembic import op

from orak.adapters.persistence.sql.dialect import BigId, UtcDateTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; older versions of orak leave them at their default, 0."""
    op.add_column("feed_cursors", sa.Column("held_by", sa.String(100)))
    op.add_column("feed_cursors", sa.Column("held_until", UtcDateTime))
    op.add_column("deferred_facts", sa.Column("upload_id", BigId, nullable=False, server_default="0"))
    op.add_column("deferred_facts", sa.Column("tries", sa.Integer, nullable=False, server_default="0"))
    op.execute(
        "UPDATE deferred_facts SET upload_id = COALESCE("
        "(SELECT upload_id FROM events WHERE events.position = deferred_facts.position), 0)"
    )
    op.create_index("ix_deferred_facts_upload", "deferred_facts", ["reader", "upload_id", "position"])


def downgrade() -> None:
    """Drop the columns."""
    op.drop_index("ix_deferred_facts_upload", table_name="deferred_facts")
    with op.batch_alter_table("deferred_facts") as table:
        table.drop_column("tries")
        table.drop_column("upload_id")
    with op.batch_alter_table("feed_cursors") as table:
        table.drop_column("held_until")
        table.drop_column("held_by")
