"""Store when an upload last changed, and why an upload failed that never became audio."""

import sqlalchemy as sa
from alembic import op

from orak.adapters.persistence.sql.dialect import UtcDateTime

revision = "1000"  # since 0009, events cannot be read by an older orak
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column with the time of the last event, and fill in missing messages.

    Rows of other programs keep NULL: they did not change since they were created.
    """
    op.add_column("uploads", sa.Column("changed_at", UtcDateTime))
    op.execute(
        "UPDATE uploads SET changed_at = ("
        "SELECT max(at) FROM events WHERE events.upload_id = uploads.id"
        " AND type NOT IN ('UploadRequested', 'RecordCreated', 'RecordChanged'))"
    )
    op.execute(
        "UPDATE uploads SET processing_error_message = CASE processing_status"
        " WHEN 'FAILED' THEN failure_code ELSE 'UPLOAD_' || processing_status END"
        " WHERE processing_error_message IS NULL AND processing_status IN ('FAILED', 'EXPIRED', 'CANCELLED')"
    )


def downgrade() -> None:
    """Drop the column; the messages stay."""
    op.drop_column("uploads", "changed_at")
