"""The values that the rows of the original app get, and their first events.

A waiting upload gets its place in line; the uploads of one owner stand two turns apart, as in uploads.py. An
upload without a Record stays for a week more than ORPHAN_RETENTION_HOURS: operators can look at it before. A
conversion of the original app gets ten minutes to end before orak takes the upload over.
"""

from orak.domain.upload import ANY_BYTES

_CONVERTED_AGAIN = "u.processing_status = 'COMPLETED' AND r.id IS NOT NULL"


def fill_uploads(*, convert: bool) -> str:
    """Return the statement that fills the columns of uploads.

    COMPLETED uploads keep their key and have no rendition, unless *convert* puts them back in line.
    """
    again = _CONVERTED_AGAIN if convert else "false"
    return f"""
        UPDATE uploads SET
            processing_status = found.status,
            created_at = found.created_at,
            object_key = concat(directory, '/', uuid, '_', original_filename),
            url_expires_at = found.created_at + CASE found.status
                WHEN 'PENDING' THEN interval '15 minutes' ELSE interval '0' END,
            version = 1,
            progress = CASE found.status WHEN 'COMPLETED' THEN 100 ELSE 0 END,
            not_before = CASE
                WHEN found.status = 'PENDING' THEN CURRENT_TIMESTAMP
                WHEN found.status = 'UPLOADED' AND NOT found.has_record
                    THEN CURRENT_TIMESTAMP + interval '7 days'
                ELSE '1970-01-01 00:00:00+00' END,
            turn = CASE WHEN found.status = 'UPLOADED' AND found.has_record THEN 2 * found.place END,
            lease_until = CASE WHEN found.status = 'PROCESSING' AND directory = 'recordings'
                THEN CURRENT_TIMESTAMP + interval '10 minutes' END,
            etag = CASE WHEN found.status <> 'PENDING' THEN '{ANY_BYTES}' END,
            failure_code = CASE found.status WHEN 'FAILED' THEN 'FAILED_TOO_OFTEN' END
        FROM (
            SELECT *, row_number() OVER (
                PARTITION BY uploader_id, status, has_record ORDER BY created_at, id
            ) AS place
            FROM (
                SELECT u.id, u.uploader_id, r.id IS NOT NULL AS has_record,
                    COALESCE(u.created_at, r.created_at, CURRENT_TIMESTAMP) AS created_at,
                    CASE WHEN {again} THEN 'UPLOADED'
                        ELSE COALESCE(u.processing_status, 'UPLOADED') END AS status
                FROM uploads AS u LEFT JOIN records AS r ON r.upload_id = u.id
            ) AS uploaded
        ) AS found
        WHERE found.id = uploads.id
    """  # noqa: S608 - a constant


FILL_RECORDS = """
    UPDATE records SET
        created_at = COALESCE(records.created_at, records.updated_at, uploads.created_at),
        updated_at = COALESCE(records.updated_at, records.created_at, uploads.created_at),
        version = 1
    FROM uploads WHERE uploads.id = records.upload_id
"""

_FIRST_EVENTS = """
    INSERT INTO events (position, upload_id, version, type, payload, at, user_id)
    SELECT row_number() OVER (ORDER BY id), id, 1, type,
        json_strip_nulls(json_build_object(
            'type', type,
            'userId', uploader_id,
            'uuid', uuid,
            'status', processing_status,
            'attempt', 0,
            'key', concat(directory, '/', uuid),
            'at', to_char(CURRENT_TIMESTAMP AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
            'recordId', record_id,
            'failure', failure_code
        )),
        CURRENT_TIMESTAMP, uploader_id
    FROM (
        SELECT u.*, r.id AS record_id, CASE
            WHEN u.processing_status = 'FAILED' THEN 'ProcessingFailed'
            WHEN r.id IS NOT NULL THEN 'RecordCreated'
            WHEN u.processing_status = 'PENDING' THEN 'UploadRequested'
            ELSE 'UploadReceived' END AS type
        FROM uploads AS u LEFT JOIN records AS r ON r.upload_id = u.id
    ) AS adopted
"""

ADD_EVENTS = (_FIRST_EVENTS, "UPDATE feed SET position = (SELECT count(*) FROM events)")
"""The events have positions already: a subscriber that begins with new events does not get them."""

CATCH_UP_SEQUENCES = tuple(
    f"""
        SELECT setval(name, last) FROM (
            SELECT pg_get_serial_sequence('{table}', 'id') AS name, (SELECT max(id) FROM {table}) AS last
        ) AS sequence
        WHERE name IS NOT NULL AND last > COALESCE(pg_sequence_last_value(CAST(name AS regclass)), 0)
    """  # noqa: S608 - a constant
    for table in ("uploads", "records")
)
"""For an app that chose ids itself: orak takes them from the sequence."""
