import json
from pathlib import Path

import pytest


def shown(orak, *args, **env):
    result = orak("config", *args, env=env)
    assert result.exit_code == 0, result.stderr
    return {row["name"]: row for row in map(json.loads, result.stdout.splitlines())}


def test_each_setting_has_its_value_and_source(orak):
    Path(".env").write_text("PRESIGN_TTL_SECONDS=60\nORAK_URL=http://from.file\n")
    settings = shown(orak, "--data-dir", "elsewhere", BATCH_SIZE="7", ORAK_MAX_UPLOAD_BYTES="3")
    assert {name: (row["value"], row["origin"]) for name, row in settings.items()}.items() >= {
        "ORAK_DATA_DIR": ("elsewhere", "flag"),
        "BATCH_SIZE": ("7", "BATCH_SIZE"),
        "MAX_UPLOAD_BYTES": ("3", "ORAK_MAX_UPLOAD_BYTES"),
        "PRESIGN_TTL_SECONDS": ("60", "PRESIGN_TTL_SECONDS in .env"),
        "LEASE_SECONDS": ("30", "default"),
        "ORAK_URL": ("http://from.file", "ORAK_URL in .env"),
    }.items()


def test_secrets_are_masked(orak):
    settings = shown(orak, JWT_SECRET="hush-hush", ORAK_TOKEN="quiet")
    assert settings["JWT_SECRET"]["value"] == settings["ORAK_TOKEN"]["value"] == "********"
    assert not {"hush-hush", "quiet"} & {row["value"] for row in settings.values()}


def test_the_environment_overrides_the_file_for_client_settings_too(orak):
    Path(".env").write_text("ORAK_URL=http://from.file\n")
    assert shown(orak, ORAK_URL="http://from.environment")["ORAK_URL"]["origin"] == "ORAK_URL"


def test_values_that_follow_from_other_settings_are_shown(orak):
    settings = shown(orak, PUBLIC_URL="https://o.example")
    assert settings["CDN_BASE_URL"]["value"] == "https://o.example/media"
    assert settings["DATABASE_URL"]["value"].endswith("/orak-data/orak.db")
    assert int(settings["IMMEDIATE_SLOTS"]["value"]) >= 1
    assert settings["CDN_BASE_URL"]["origin"] == "default"


def test_settings_of_later_releases_are_shown_as_not_available(orak):
    settings = shown(orak, RATE_LIMIT_PRESIGNS_PER_MINUTE="600")
    limit, quota = settings["RATE_LIMIT_PRESIGNS_PER_MINUTE"], settings["QUOTA_BYTES_PER_DAY"]
    assert (limit["value"], limit["origin"]) == ("600 (not available yet)", "RATE_LIMIT_PRESIGNS_PER_MINUTE")
    assert (quota["value"], quota["origin"]) == ("not available yet", "default")
    refused = orak("config", env={"BACKLOG_LIMIT": "5"})
    assert refused.stderr.splitlines() == [
        "error: BACKLOG_LIMIT is set, but this release does not support it",
        "hint: unset it or set it to 10000 until a later release supports it",
    ]


def test_hints_repeat_the_data_dir_option(orak):
    refused = orak("db", "check", "--data-dir", "a folder")
    assert "hint: run `orak db upgrade --data-dir 'a folder'`\n" in refused.stderr


@pytest.mark.parametrize("variable", ["DATABASE_URL", "ORAK_DATA_DIR"])
@pytest.mark.parametrize(
    "command", [["db", "check"], ["sweep"], ["worker"], ["events", "replay"], ["events", "tail", "--all"]]
)
def test_commands_on_the_database_refuse_one_in_memory(orak, command, variable):
    refused = orak(*command, env={variable: "memory:"})
    assert refused.exit_code == 2
    assert refused.stderr.splitlines() == [
        f"error: {variable} is memory:, which other processes cannot read",
        "hint: set DATABASE_URL to a SQLite file or a PostgreSQL URL",
    ]


def test_the_demo_needs_a_folder(orak):
    refused = orak("demo", "--once", env={"ORAK_DATA_DIR": "memory:"})
    assert refused.exit_code == 2
    assert refused.stderr.startswith("error: ORAK_DATA_DIR is memory:")
    assert not list(Path().iterdir())
