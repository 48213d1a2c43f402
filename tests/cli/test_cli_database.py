import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from orak.adapters.persistence.sql.migrations import HEAD

DATABASE = Path("orak-data/orak.db")


def songs():
    with closing(sqlite3.connect(DATABASE)) as connection:
        return connection.execute("SELECT id, title, artist FROM songs ORDER BY id").fetchall()


def test_upgrade_makes_a_schema_that_current_and_check_accept(orak):
    assert orak("db", "upgrade").stdout == f"empty -> {HEAD}\n"
    assert orak("db", "upgrade").stdout == f"up to date at {HEAD}\n"
    assert orak("db", "current").stdout == f"{HEAD}\n"
    assert orak("db", "check").exit_code == 0


def test_current_and_check_do_not_create_a_database(orak):
    for command in ("current", "check"):
        refused = orak("db", command)
        assert refused.exit_code == 1
        assert refused.stderr.startswith("error: there is no database at ")
        assert "hint: run `orak db upgrade`" in refused.stderr
    assert not DATABASE.exists()


def test_check_refuses_an_empty_database(orak):
    DATABASE.parent.mkdir()
    DATABASE.touch()
    refused = orak("db", "check")
    assert refused.exit_code == 1
    assert refused.stderr == ("error: the database has no schema yet\nhint: run `orak db upgrade`\n")


def test_upgrade_refuses_a_file_that_is_not_a_database(orak):
    DATABASE.parent.mkdir()
    DATABASE.write_text("no database " * 100)
    refused = orak("db", "upgrade")
    assert refused.exit_code == 1
    assert refused.stderr.startswith("error: the database: file is not a database")


def test_a_file_of_another_program_is_refused(orak):
    DATABASE.parent.mkdir()
    with closing(sqlite3.connect(DATABASE)) as connection:
        connection.execute("CREATE TABLE takes (id INTEGER)")
    reason = "the database belongs to another program: it has a table takes"
    problem = f"{reason}\nhint: use a separate database for orak\n"
    for command in (["db", "upgrade"], ["db", "upgrade", "--dry-run"], ["db", "check"]):
        assert orak(*command).stderr == f"error: {problem}"
    refused = orak("songs", "import", "-", stdin="id\n1\n")  # opens the database as `serve` does
    assert refused.stderr == f"error: DATABASE_URL cannot be used: {problem}"


def test_a_dry_run_upgrades_nothing(orak):
    assert orak("db", "upgrade", "--dry-run").stdout == f"would change empty -> {HEAD}\n"
    assert not DATABASE.exists()


def test_valid_songs_are_imported_and_bad_rows_are_reported_by_line(orak):
    Path("songs.csv").write_text(
        "﻿id,title,artist\n"
        '1,아리랑,전통\n2,"Two\nlines",\nx,no id,\n9007199254740992,too high,\n1,again,\n3,,,\n5,'
        + "t" * 256
        + ",\n4\n6,nul\0,\n"
    )
    imported = orak("songs", "import", "songs.csv")
    assert songs() == [(1, "아리랑", "전통"), (2, "Two\nlines", None), (4, None, None)]
    assert imported.exit_code == 1
    assert imported.stderr.splitlines() == [
        "warning: line 5: id is 'x', not a whole number from 1 to 9007199254740991",
        "warning: line 6: id is '9007199254740992', not a whole number from 1 to 9007199254740991",
        "warning: line 7: id 1 is already on line 2",
        "warning: line 8: there are more columns than in the first line",
        "warning: line 9: title has 256 characters, more than 255",
        "warning: line 11: title has a character that no database can store",
        "3 songs imported",
        "error: 6 lines were skipped",
    ]


def test_songs_from_standard_input_replace_songs_with_the_same_id(orak):
    for title in ("first", "second"):
        imported = orak("songs", "import", "-", stdin=f"title,id\n{title},1\n")
        assert (imported.exit_code, imported.stderr) == (0, "1 song imported\n")
    assert songs() == [(1, "second", None)]


def test_songs_are_listed_as_json_lines_in_a_pipe(orak):
    rows = "".join(f"{id_},노래 {id_},\n" for id_ in range(1, 502))
    orak("songs", "import", "-", stdin=f"id,title,artist\n{rows}600,last,singer\n")
    lines = orak("songs", "list").stdout.splitlines()
    assert len(lines) == 502
    assert lines[0] == '{"id":1,"title":"노래 1","artist":null}'
    assert lines[-1] == '{"id":600,"title":"last","artist":"singer"}'


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", "error: the file is not CSV: its first line has no column `id`"),
        (b"1,a,b\n", "error: the file is not CSV: its first line has no column `id`"),
        (b"id,title\n1,\xff\n", "error: the file is not UTF-8"),
        (b'id,title\n1,"open', "error: the file is not CSV: unexpected end of data"),
    ],
)
def test_a_file_that_is_not_a_catalogue_is_refused(orak, content, error):
    Path("songs.csv").write_bytes(content)
    refused = orak("songs", "import", "songs.csv")
    assert refused.exit_code == 1
    assert refused.stderr.startswith(error)
    assert "hint:" in refused.stderr


def test_a_data_folder_that_is_a_file_is_refused(orak):
    DATABASE.parent.write_text("not a folder")
    refused = orak("db", "upgrade")
    assert refused.exit_code == 2
    assert refused.stderr.splitlines() == [
        "error: ORAK_DATA_DIR cannot be used: orak-data is a file",
        "hint: use a folder that orak may write to",
    ]
