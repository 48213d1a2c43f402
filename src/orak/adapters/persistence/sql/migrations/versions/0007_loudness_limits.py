"""Store why a rendition is quieter than the target loudness."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; renditions that exist keep NULL, because the reason was not recorded."""
    op.add_column("uploads", sa.Column("limited_by", sa.String(20)))


def downgrade() -> None:
    """Drop the column, and the reasons with it."""
    op.drop_column("uploads", "limited_by")
