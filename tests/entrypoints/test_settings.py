import pytest

from orak.domain.audio import AudioProfile
from orak.entrypoints.settings.checks import InvalidSetting
from orak.entrypoints.settings.share import Share
from orak.entrypoints.settings.sources import LoadedSettings, shown_value
from orak.entrypoints.settings.values import Settings


@pytest.fixture
def load(tmp_path):
    def load(environment=None, *, flags=None, env_file=""):
        path = tmp_path / ".env"
        path.write_text(env_file)
        return LoadedSettings.load(flags, environment or {}, path)

    return load


def test_every_setting_has_a_default(load):
    loaded = load()
    assert loaded.settings == Settings()
    assert set(loaded.origins.values()) == {"default"}


def test_flags_override_the_environment_then_the_file_then_the_defaults(load):
    settings = {"env_file": "PRESIGN_TTL_SECONDS=3\nLEASE_SECONDS=100\nMAX_UPLOAD_BYTES=3"}
    loaded = load(
        {"PRESIGN_TTL_SECONDS": "2", "LEASE_SECONDS": "200"}, flags={"lease_seconds": 300}, **settings
    )
    assert (loaded.settings.lease_seconds, loaded.origins["lease_seconds"]) == (300, "flag")
    assert (loaded.settings.presign_ttl_seconds, loaded.origins["presign_ttl_seconds"]) == (
        2,
        "PRESIGN_TTL_SECONDS",
    )
    assert (loaded.settings.max_upload_bytes, loaded.origins["max_upload_bytes"]) == (
        3,
        "MAX_UPLOAD_BYTES in .env",
    )
    assert loaded.origins["batch_size"] == "default"


def test_a_prefixed_variable_overrides_the_plain_one(load):
    loaded = load({"BATCH_SIZE": "5", "ORAK_BATCH_SIZE": "6"})
    assert (loaded.settings.batch_size, loaded.origins["batch_size"]) == (6, "ORAK_BATCH_SIZE")


def test_variables_of_opentelemetry_have_prefixed_ones_too(load):
    loaded = load(
        {
            "OTEL_TRACES_EXPORTER": "otlp",
            "ORAK_OTEL_TRACES_EXPORTER": "console",
            "ORAK_OTEL_SERVICE_NAME": "",
        },
        env_file="ORAK_OTEL_TRACES_EXPORTER=none\nORAK_OTEL_SERVICE_NAME=takes",
    )
    assert {name: (one.value, one.origin) for name, one in loaded.opentelemetry.items()} == {
        "OTEL_SERVICE_NAME": ("takes", "ORAK_OTEL_SERVICE_NAME in .env"),
        "OTEL_TRACES_EXPORTER": ("console", "ORAK_OTEL_TRACES_EXPORTER"),
    }


def test_an_empty_variable_counts_as_unset(load):
    assert load({"BATCH_SIZE": "", "JWT_SECRET": ""}).settings == Settings()


def test_host_and_port_are_read_with_the_prefix_only(load):
    assert load({"HOST": "0.0.0.0", "PORT": "1"}).settings == Settings()  # noqa: S104 - not bound to


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("BATCH_SIZE", "abc", "BATCH_SIZE is 'abc', not a whole number from 1 to 1000"),
        ("BATCH_SIZE", "0", "BATCH_SIZE is '0', not a whole number from 1 to 1000"),
        ("BATCH_SIZE", "1001", "BATCH_SIZE is '1001', not a whole number from 1 to 1000"),
        ("ORAK_BATCH_SIZE", "1.5", "ORAK_BATCH_SIZE is '1.5', not a whole number from 1 to 1000"),
        ("IMMEDIATE_SLOTS", "-1", "IMMEDIATE_SLOTS is '-1', not a whole number from 0"),
        ("BATCH_ENABLED", "maybe", "BATCH_ENABLED is 'maybe', not true or false"),
        ("AUDIO_PROFILE", "wma", "AUDIO_PROFILE is 'wma', not one of aac-128, mp3-192, opus-96"),
        ("LOG_FORMAT", "xml", "LOG_FORMAT is 'xml', not one of auto, text, json"),
        ("LEASE_SECONDS", "15", "HEARTBEAT_SECONDS is 10, with LEASE_SECONDS 15"),
        ("DATABASE_URL", "mysql://x", "DATABASE_URL names a database that orak does not support"),
        ("REDIS_URL", "http://x", "REDIS_URL is not the URL of a Redis server"),
        ("REDIS_URL", "redis://x:port", "REDIS_URL is not the URL of a Redis server"),
        ("PUBLIC_URL", "orak.example.com", "PUBLIC_URL is not the URL of a server"),
        ("CDN_BASE_URL", "ftp://cdn.example.com", "CDN_BASE_URL is not the URL of a server"),
        ("CDN_BASE_URL", "https://cdn.example.com/?v=1", "CDN_BASE_URL has a query or a fragment"),
        ("PUBLIC_URL", "https://orak.example.com/#", "PUBLIC_URL has a query or a fragment"),
        ("PUBLIC_URL", "https://오락.example", "PUBLIC_URL is not ASCII"),
        ("JWKS_URL", "htps://id.example.com", "JWKS_URL is not the URL of a server"),
        ("PUBLIC_URL", "http://", "PUBLIC_URL is not the URL of a server"),
        ("CORS_ORIGINS", "a.example", "CORS_ORIGINS holds 'a.example', which is not an origin"),
        ("CORS_ORIGINS", "*,https://a/", "CORS_ORIGINS holds 'https://a/', which is not an origin"),
        ("CORS_ORIGINS", "https://u@a", "CORS_ORIGINS holds 'https://u@a', which is not an origin"),
        ("SQS_QUEUE_URL", "my-queue", "SQS_QUEUE_URL is not the URL of a server"),
        ("AWS_ENDPOINT_URL", "localhost:4566", "AWS_ENDPOINT_URL is not the URL of a server"),
        ("CLOUDFRONT_KEY_ID", "k", "CLOUDFRONT_PRIVATE_KEY is not set, but CLOUDFRONT_KEY_ID is"),
        (
            "CLOUDFRONT_DISTRIBUTION_ID",
            "E1",
            "CDN_BASE_URL is not set, but CLOUDFRONT_DISTRIBUTION_ID is",
        ),
        ("ORAK_BACKLOG_LIMIT", "5", "ORAK_BACKLOG_LIMIT is set, but this release does not support it"),
        ("QUOTA_WAITING_TAKES", "5", "QUOTA_WAITING_TAKES is set, but this release does not support it"),
        ("BACKLOG_LIMIT", "x", "BACKLOG_LIMIT is set, but this release does not support it"),
        (
            "RATE_LIMIT_PRESIGNS_PER_MINUTE",
            "60",
            "RATE_LIMIT_PRESIGNS_PER_MINUTE is set, but this release does not support it",
        ),
        ("QUOTA_BYTES_PER_DAY", "1", "QUOTA_BYTES_PER_DAY is set, but this release does not support it"),
        ("WEB_WORKERS", "0", "WEB_WORKERS is '0', not auto or a whole number from 1"),
        ("METRICS_PORT", "70000", "METRICS_PORT is '70000', not a whole number from 0 to 65535"),
        ("SIGN_IN_URL", "0", "SIGN_IN_URL is set, but this release does not support it"),
        ("S3_ENDPOINT_URL", "s3.example.com", "S3_ENDPOINT_URL is not the URL of a server"),
        ("S3_ADDRESSING_STYLE", "x", "S3_ADDRESSING_STYLE is 'x', not one of auto, path, virtual"),
        ("AWS_ACCESS_KEY_ID", "x", "AWS_SECRET_ACCESS_KEY is not set, but AWS_ACCESS_KEY_ID is"),
    ],
)
def test_a_bad_value_is_one_line_that_names_the_variable_and_a_hint(load, name, value, message):
    with pytest.raises(InvalidSetting) as refusal:
        load({name: value})
    assert str(refusal.value) == message
    assert refusal.value.hint
    assert "\n" not in str(refusal.value) + refusal.value.hint


@pytest.mark.parametrize(
    "environment",
    [
        {
            "RATE_LIMIT_PRESIGNS_PER_MINUTE": "600",
            "BACKLOG_LIMIT": " 10000 ",
            "MULTIPART_TTL_SECONDS": "86400",
        },
        {"RATE_LIMIT_PRESIGNS_PER_MINUTE": "0", "QUOTA_BYTES_PER_DAY": "00", "ORAK_QUOTA_WAITING_TAKES": "0"},
        {"SIGN_IN_URL": "", "CLOUDFRONT_KEY_ID": ""},
        {"ORAK_BACKLOG_LIMIT": "0", "BACKLOG_LIMIT": "5"},
    ],
)
def test_settings_of_later_releases_are_accepted_while_they_ask_for_nothing(load, environment):
    assert load(environment).settings == Settings()


def test_settings_of_later_releases_are_read_from_the_file_too(load):
    env_file = "BACKLOG_LIMIT=2\n"
    with pytest.raises(InvalidSetting, match="BACKLOG_LIMIT"):
        load(env_file=env_file)
    assert load({"BACKLOG_LIMIT": "0"}, env_file=env_file).later["BACKLOG_LIMIT"].origin == "BACKLOG_LIMIT"


def test_auto_is_one_web_worker_for_each_core(load):
    settings = load({"WEB_WORKERS": "auto"}).settings
    assert settings.web_processes == settings.cores
    assert load({"WEB_WORKERS": "3"}).settings.web_processes == 3


@pytest.mark.parametrize("total", range(9))
@pytest.mark.parametrize("processes", range(1, 9))
def test_the_shares_of_all_processes_add_up(total, processes):
    shares = [Share(index, processes) for index in range(processes)]
    parts = [share.of(total) for share in shares]
    assert sum(parts) == total
    assert max(parts) - min(parts) <= 1
    assert [share.at_least_one_of(total) for share in shares] == [max(part, min(total, 1)) for part in parts]


def test_immediate_slots_are_at_least_one_for_each_process_unless_they_are_set(load):
    settings = load({"WEB_WORKERS": "64"}).settings
    assert settings.slots == max(64, settings.cores - 1)
    assert load({"WEB_WORKERS": "64", "IMMEDIATE_SLOTS": "1"}).settings.slots == 1
    assert load().settings.slots == max(1, settings.cores - 1)


def test_a_jwt_secret_and_a_jwks_url_are_refused_together(load):
    with pytest.raises(InvalidSetting, match="JWT_SECRET is set beside JWKS_URL"):
        load({"JWT_SECRET": "s" * 32, "JWKS_URL": "https://id.example/jwks"})


@pytest.mark.parametrize(
    "url",
    ["postgresql://me@db/orak", "postgres://db/orak?sslmode=require", "postgresql:///orak?host=/run/pg"],
)
def test_any_libpq_url_chooses_postgresql(load, url):
    settings = load({"DATABASE_URL": url, "ORAK_DB_AUTO_UPGRADE": "1"}).settings
    assert (settings.database, settings.database_kind, settings.db_auto_upgrade) == (url, "postgresql", True)
    assert load().settings.database_kind == "sqlite"


def test_texts_become_lists_enums_and_booleans(load):
    loaded = load({"CORS_ORIGINS": "https://a.example, https://b.example", "AUDIO_PROFILE": "opus-96"})
    assert loaded.settings.cors_origins == ("https://a.example", "https://b.example")
    assert loaded.settings.audio_profile is AudioProfile.OPUS_96
    assert not load({"BATCH_ENABLED": "false"}).settings.batch_enabled


def test_base_and_media_urls_follow_from_host_port_and_public_url():
    assert Settings(port=9000).media_url == "http://127.0.0.1:9000/media"
    assert Settings(host="::1").base_url == "http://[::1]:8000"
    assert Settings(public_url="https://o.example/").media_url == "https://o.example/media"
    assert Settings(cdn_base_url="https://cdn.example/").media_url == "https://cdn.example"


@pytest.mark.parametrize(
    ("field", "value", "shown"),
    [
        ("jwt_secret", "hush", "********"),
        ("jwt_secret", None, ""),
        ("aws_secret_access_key", "hush", "********"),
        ("aws_session_token", "hush", "********"),
        ("database_url", "postgresql://me:hush@db/orak", "postgresql://me:********@db/orak"),
        (
            "database_url",
            "postgres:///orak?host=/run/pg&password=hush&sslpassword=hush&sslmode=require",
            "postgres:///orak?host=/run/pg&password=********&sslpassword=********&sslmode=require",
        ),
        ("cors_origins", ("a", "b"), "a,b"),
        ("audio_profile", AudioProfile.AAC_128, "aac-128"),
        ("batch_enabled", True, "true"),
        ("batch_size", 50, "50"),
    ],
)
def test_shown_values_hide_secrets(field, value, shown):
    assert shown_value(field, value) == shown
