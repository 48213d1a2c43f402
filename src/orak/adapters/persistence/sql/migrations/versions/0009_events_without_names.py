"""Take the file names out of the keys that events hold."""

from alembic import op

revision = "0009"
down_revision = "0007"
branch_labels = None
depends_on = None

# `key` becomes `recordings/<uuid>` or `published/<uuid>/<attempt>`. `originalKey` follows from `uuid`.
_WITHOUT_NAMES = {
    "postgresql": r"""
        UPDATE events SET payload = regexp_replace(
            regexp_replace(payload, ',"originalKey":"[^"]*"', ''),
            '"key":"(recordings/[^"_]+|published/[^"/]+/[0-9]+)_[^"]*"',
            '"key":"\1"'
        ) WHERE payload LIKE '%"originalKey"%'
    """,
    # A cast to INTEGER reads the digits that begin a text.
    "sqlite": """
        UPDATE events SET payload = json_set(json_remove(payload, '$.originalKey'), '$.key', (
            SELECT CASE WHEN key LIKE 'published/%'
                THEN folder || CAST(substr(key, length(folder) + 1) AS INTEGER)
                ELSE 'recordings/' || uuid
            END
            FROM (SELECT key, uuid, 'published/' || uuid || '/' AS folder FROM (
                SELECT json_extract(payload, '$.key') AS key, json_extract(payload, '$.uuid') AS uuid
            ))
        )) WHERE payload LIKE '%"originalKey"%'
    """,
}

# An older orak cannot read an event without this field. The names are gone for good.
_WITH_ORIGINAL_KEYS = {
    "postgresql": """
        UPDATE events SET payload = jsonb_set(
            CAST(payload AS jsonb),
            '{originalKey}',
            to_jsonb('recordings/' || (CAST(payload AS jsonb) ->> 'uuid'))
        )
    """,
    "sqlite": """
        UPDATE events SET payload = json_set(
            payload, '$.originalKey', 'recordings/' || json_extract(payload, '$.uuid')
        )
    """,
}


def upgrade() -> None:
    """Rewrite the events that were stored before."""
    op.get_bind().exec_driver_sql(_WITHOUT_NAMES[op.get_bind().dialect.name])


def downgrade() -> None:
    """Give the events their old form; file names stay removed."""
    op.get_bind().exec_driver_sql(_WITH_ORIGINAL_KEYS[op.get_bind().dialect.name])
