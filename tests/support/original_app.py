"""The database of the original app: its SQL to the letter, with its own users and songs, and some rows."""

import pytest

TABLES = """
CREATE TABLE users (
    id BIGSERIAL PRIMARY KEY,
    email VARCHAR(255) NOT NULL UNIQUE,
    nickname VARCHAR(50) NOT NULL
);
CREATE TABLE songs (
    id BIGSERIAL PRIMARY KEY,
    title VARCHAR(255) NOT NULL,
    singer VARCHAR(255) NOT NULL
);
CREATE TABLE uploads (
    id BIGSERIAL PRIMARY KEY,
    uuid VARCHAR(36) NOT NULL UNIQUE,
    original_filename VARCHAR(255) NOT NULL,
    extension VARCHAR(10) NOT NULL,
    uploader_id BIGINT NOT NULL,
    file_size BIGINT NOT NULL,
    content_type VARCHAR(100) NOT NULL,
    directory VARCHAR(100) NOT NULL,
    processing_status VARCHAR(20) DEFAULT 'UPLOADED',
    processing_error_message TEXT,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,

    FOREIGN KEY (uploader_id) REFERENCES users(id)
);
CREATE TABLE records (
    id BIGSERIAL PRIMARY KEY,
    user_id BIGINT NOT NULL,
    song_id BIGINT,
    upload_id BIGINT NOT NULL UNIQUE,
    title VARCHAR(255) NOT NULL,
    duration_seconds INTEGER,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,

    FOREIGN KEY (user_id) REFERENCES users(id),
    FOREIGN KEY (song_id) REFERENCES songs(id),
    FOREIGN KEY (upload_id) REFERENCES uploads(id)
);
"""

LATER = """
ALTER TABLE records ADD CONSTRAINT uk_records_upload_id UNIQUE (upload_id);
CREATE INDEX idx_records_user_id ON records(user_id);
CREATE INDEX idx_records_created_at ON records(created_at);
CREATE INDEX idx_uploads_processing_status ON uploads(processing_status);
CREATE INDEX idx_uploads_directory ON uploads(directory);
"""
"""The original app's own migration, which some databases have and others do not."""

USER, OTHER_USER = 1, 2

ROWS = """
INSERT INTO users (email, nickname) VALUES ('one@example.com', '하나'), ('two@example.com', '둘');
INSERT INTO songs (title, singer) VALUES ('노래', '가수');
INSERT INTO uploads
    (uuid, original_filename, extension, uploader_id, file_size, content_type, directory, processing_status,
     processing_error_message, created_at)
VALUES
    ('10000000-0000-4000-8000-000000000001', 'my-recording.mp3', 'mp3', 1, 3, 'audio/mpeg', 'recordings',
     'COMPLETED', NULL, '2024-01-01 12:00:00'),
    ('10000000-0000-4000-8000-000000000002', '내 녹음.mp3', 'mp3', 1, 3, 'audio/mpeg', 'recordings',
     'UPLOADED', NULL, '2024-01-02 12:00:00'),
    ('10000000-0000-4000-8000-000000000003', 'b.mp3', 'mp3', 1, 3, 'audio/mpeg', 'recordings',
     'UPLOADED', NULL, NULL),
    ('10000000-0000-4000-8000-000000000004', 'c.mp3', 'mp3', 2, 3, 'audio/mpeg', 'recordings',
     NULL, NULL, '2024-01-03 12:00:00'),
    ('10000000-0000-4000-8000-000000000005', 'd.mp3', 'mp3', 2, 3, 'audio/mpeg', 'recordings',
     'PROCESSING', NULL, '2024-01-04 12:00:00'),
    ('10000000-0000-4000-8000-000000000006', 'e.mp3', 'mp3', 2, 3, 'audio/mpeg', 'recordings',
     'FAILED', 'codec not found', '2024-01-05 12:00:00'),
    ('10000000-0000-4000-8000-000000000007', 'f.mp3', 'mp3', 1, 3, 'audio/mpeg', 'recordings',
     'UPLOADED', NULL, '2024-01-06 12:00:00'),
    ('10000000-0000-4000-8000-000000000008', 'noextension', 'noextensio', 1, 3, 'image/png', 'profiles',
     'UPLOADED', NULL, '2024-01-07 12:00:00');
INSERT INTO records (user_id, song_id, upload_id, title, duration_seconds, created_at, updated_at)
VALUES
    (1, 1, 1, '내 첫 번째 녹음', 180, '2024-01-01 12:00:00', '2024-01-01 12:00:30'),
    (1, NULL, 2, '둘', NULL, '2024-01-02 12:00:00', '2024-01-02 12:00:00'),
    (1, NULL, 3, '셋', NULL, NULL, NULL),
    (2, NULL, 4, '넷', NULL, '2024-01-03 12:00:00', NULL),
    (2, 1, 5, '다섯', 60, '2024-01-04 12:00:00', '2024-01-04 12:00:00'),
    (2, NULL, 6, '여섯', NULL, '2024-01-05 12:00:00', '2024-01-05 12:00:00');
"""
"""Upload 7 has no record, and upload 8 is not a recording."""

A_NEW_RECORD = """
INSERT INTO uploads (uuid, original_filename, extension, uploader_id, file_size, content_type, directory)
VALUES ('20000000-0000-4000-8000-000000000001', 'new take.mp3', 'mp3', 1, 3, 'audio/mpeg', 'recordings');
INSERT INTO records (user_id, song_id, upload_id, title, duration_seconds)
SELECT 1, 1, max(id), '새 녹음', 12 FROM uploads
"""
"""What the original app inserts for a new recording."""


@pytest.fixture
def original_app(postgresql_server):
    """A function that runs SQL in a database of the original app; its URL is `original_app.url`."""
    postgresql_server.sql("CREATE DATABASE original")

    def sql(*statements):
        return postgresql_server.sql(*statements, database="original")

    sql(TABLES, ROWS)
    sql.url = postgresql_server.url("original")
    yield sql
    postgresql_server.sql("DROP DATABASE original WITH (FORCE)")
