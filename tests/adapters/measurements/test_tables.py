"""The file behind tables that processes share: a disk that fills up later must not end them."""

import mmap
import os
import tempfile

import pytest

from orak.adapters.measurements.tables import TABLE_BYTES, shared_tables


def test_the_tables_need_no_disk(monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere")
    with shared_tables(2) as file, mmap.mmap(file.fileno(), 0) as memory:
        assert len(memory) == 2 * TABLE_BYTES
        memory[-1] = 1
        assert os.pread(file.fileno(), 1, len(memory) - 1) == b"\1"


@pytest.fixture
def elsewhere(monkeypatch, tmp_path):
    """A system without files in memory, such as macOS; its temporary files are in *tmp_path*."""
    monkeypatch.delattr(os, "memfd_create")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


@pytest.mark.usefixtures("elsewhere")
def test_on_a_disk_every_page_has_its_room_from_the_start():
    with shared_tables(2) as file:
        assert os.fstat(file.fileno()).st_size == 2 * TABLE_BYTES
        assert os.lseek(file.fileno(), 0, os.SEEK_HOLE) == 2 * TABLE_BYTES
