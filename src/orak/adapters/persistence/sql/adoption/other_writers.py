"""Triggers that complete rows which another program writes in the original columns.

orak's own statements give every value, so the triggers leave them alone. A row of another program has version
0: orak's first change of it writes its first event.
"""

_COMPLETE_UPLOAD = """
    CREATE FUNCTION orak_complete_upload() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
    BEGIN
        NEW.created_at := COALESCE(NEW.created_at, CURRENT_TIMESTAMP);
        NEW.processing_status := COALESCE(NEW.processing_status, 'UPLOADED');
        NEW.object_key := COALESCE(
            NEW.object_key, concat(NEW.directory, '/', NEW.uuid, '_', NEW.original_filename)
        );
        IF TG_OP = 'UPDATE' AND NEW.version = OLD.version
            AND NEW.processing_status IS DISTINCT FROM OLD.processing_status
        THEN
            NEW.changed_at := CURRENT_TIMESTAMP;
        END IF;
        IF NEW.processing_status = 'COMPLETED' THEN
            NEW.progress := 100;
        ELSIF NEW.processing_status = 'FAILED' THEN
            NEW.failure_code := COALESCE(NEW.failure_code, 'FAILED_TOO_OFTEN');
        ELSIF NEW.processing_status = 'PROCESSING' AND NEW.lease_until IS NULL
            AND NEW.directory = 'recordings'
        THEN
            -- The other program converts it. If it dies, orak takes over after ten minutes.
            NEW.lease_until := CURRENT_TIMESTAMP + interval '10 minutes';
        ELSIF NEW.processing_status = 'UPLOADED' AND NEW.turn IS NULL
            AND EXISTS (SELECT FROM records WHERE records.upload_id = NEW.id)
        THEN
            NEW.turn := orak_last_turn() + 1;
        END IF;
        RETURN NEW;
    END $$
"""

_COMPLETE_UPLOADS = """
    CREATE TRIGGER orak_complete_upload BEFORE INSERT OR UPDATE ON uploads FOR EACH ROW WHEN (
        NEW.created_at IS NULL OR NEW.processing_status IS NULL OR NEW.object_key IS NULL
        OR NEW.processing_status = 'COMPLETED' AND NEW.progress < 100
        OR NEW.processing_status = 'FAILED' AND NEW.failure_code IS NULL
        OR NEW.processing_status = 'PROCESSING' AND NEW.lease_until IS NULL
        OR NEW.processing_status = 'UPLOADED' AND NEW.turn IS NULL
    ) EXECUTE FUNCTION orak_complete_upload()
"""

_LAST_TURN = """
    CREATE FUNCTION orak_last_turn() RETURNS bigint LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
        SELECT COALESCE(max(turn), 0) FROM uploads
        WHERE processing_status IN ('UPLOADED') AND turn IS NOT NULL
    $$
"""

_COMPLETE_RECORD = """
    CREATE FUNCTION orak_complete_record() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
    BEGIN
        NEW.created_at := COALESCE(NEW.created_at, CURRENT_TIMESTAMP);
        NEW.updated_at := COALESCE(NEW.updated_at, NEW.created_at);
        RETURN NEW;
    END $$
"""

_COMPLETE_RECORDS = """
    CREATE TRIGGER orak_complete_record BEFORE INSERT OR UPDATE ON records FOR EACH ROW
    WHEN (NEW.created_at IS NULL OR NEW.updated_at IS NULL) EXECUTE FUNCTION orak_complete_record()
"""

_QUEUE_UPLOAD = """
    CREATE FUNCTION orak_queue_upload() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
    BEGIN
        UPDATE uploads SET turn = orak_last_turn() + 1, not_before = '1970-01-01 00:00:00+00'
        WHERE id = NEW.upload_id AND processing_status = 'UPLOADED' AND turn IS NULL;
        RETURN NULL;
    END $$
"""

_QUEUE_UPLOADS = """
    CREATE TRIGGER orak_queue_upload AFTER INSERT ON records FOR EACH ROW
    WHEN (NEW.version = 0) EXECUTE FUNCTION orak_queue_upload()
"""

TRIGGERS = (
    _LAST_TURN,
    _COMPLETE_UPLOAD,
    _COMPLETE_UPLOADS,
    _COMPLETE_RECORD,
    _COMPLETE_RECORDS,
    _QUEUE_UPLOAD,
    _QUEUE_UPLOADS,
)
