"""Local storage: faults that only a store on a disk can have."""

import asyncio
import fcntl
import os
import resource
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orak.adapters.clock.frozen import FrozenClock
from orak.adapters.storage.keys import is_valid
from orak.adapters.storage.local import LocalStorage
from orak.application.ports.failures import Unavailable
from orak.application.ports.storage import ObjectMissing
from orak.domain.identity import ObjectKey

URL, SECRET, TYPE = "http://orak.test", b"k" * 32, "audio/webm"
KEY = ObjectKey("recordings/take.webm")
CONTENT = bytes(range(256)) * 4000


@pytest.fixture
def clock():
    return FrozenClock()


@pytest.fixture
def root(tmp_path):
    return tmp_path / "a" / "b" / "objects"


@pytest.fixture
async def storage(root, clock):
    async with LocalStorage.open(root, URL, SECRET, clock) as storage:
        yield storage


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "source"
    path.write_bytes(CONTENT)
    return path


@pytest.fixture
def small_disk(source):  # noqa: ARG001 - the source must be written before the limit
    """Limit files to 300 KB, which a writer sees as a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def put(storage, body, key=KEY):
    signed = storage.presign_put(
        key, content_type=TYPE, content_length=len(CONTENT), create_only=True, life=timedelta(hours=1)
    )
    query = dict(parse_qsl(urlsplit(signed.url).query))
    return await storage.receive(key, query, content_type=TYPE, content_length=len(CONTENT), body=body)


async def in_halves():
    yield CONTENT[:600_000]
    yield CONTENT[600_000:]


class Interrupted:
    """A body that waits for `go_on` before its second half; `begun` follows the first half."""

    def __init__(self) -> None:
        self.begun, self.go_on = asyncio.Event(), asyncio.Event()

    async def halves(self):
        yield CONTENT[:600_000]
        self.begun.set()
        await self.go_on.wait()
        yield CONTENT[600_000:]


def files(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir())


async def test_objects_survive_a_restart(storage, root, clock, tmp_path):
    stored = await put(storage, in_halves())
    async with LocalStorage.open(root, URL, SECRET, clock) as again:
        assert await again.head(KEY) == stored
        await again.download(KEY, etag=stored.etag, to=tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == CONTENT


async def test_files_written_by_the_first_release_stay_readable(storage, root):
    (root / "recordings").mkdir()
    (root / "recordings" / "a.webm.object").write_bytes(
        b"la la la"
        b'{"key":"recordings/a.webm","size":8,"content_type":"audio/webm","etag":"\\"e\\"",'
        b'"modified_at":"2024-01-01T12:00:00Z"}'
        b"\0\0\0\x74orakobj1"
    )
    info = await storage.head(ObjectKey("recordings/a.webm"))
    assert info is not None
    assert (info.key, info.size, info.content_type, info.etag) == (
        "recordings/a.webm", 8, "audio/webm", '"e"',
    )  # fmt: skip
    assert info.modified_at.isoformat() == "2024-01-01T12:00:00+00:00"


async def test_a_finished_put_leaves_the_object_and_nothing_else(storage, root):
    await put(storage, in_halves())
    assert files(root) == ["recordings/take.webm.object"]


async def test_only_the_owner_may_read_the_files(storage, root):
    await put(storage, in_halves())
    assert [oct(path.stat().st_mode & 0o077) for path in [root, *root.rglob("*")]] == ["0o0"] * 4


async def test_a_cancelled_put_leaves_nothing(storage, root):
    body = Interrupted()
    receiving = asyncio.ensure_future(put(storage, body.halves()))
    await body.begun.wait()
    assert len(files(root)) == 1
    receiving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await receiving
    assert files(root) == []


async def test_a_put_cancelled_at_any_await_leaves_nothing(storage, root):
    for turns in range(40):
        receiving = asyncio.ensure_future(put(storage, in_halves()))
        for _ in range(turns):
            await asyncio.sleep(0)
        while not receiving.done():
            receiving.cancel()
            await asyncio.sleep(0)
        assert receiving.cancelled() or receiving.result().size == len(CONTENT)
        assert set(files(root)) <= {"recordings/take.webm.object"}
        await storage.delete(KEY)


async def test_opening_the_store_keeps_files_that_another_process_is_writing(storage, root, clock):
    body = Interrupted()
    receiving = asyncio.ensure_future(put(storage, body.halves()))
    await body.begun.wait()
    (root / ".incoming" / "leftover").write_bytes(b"of a killed process")
    async with LocalStorage.open(root, URL, SECRET, clock):
        assert len(files(root)) == 1
    body.go_on.set()
    assert (await receiving).size == len(CONTENT)


@pytest.mark.usefixtures("small_disk")
async def test_a_full_disk_is_unavailable_and_leaves_nothing(storage, root, source):
    with pytest.raises(Unavailable) as failure:
        await put(storage, in_halves())
    assert str(root) not in str(failure.value)
    with pytest.raises(Unavailable):
        await storage.publish(KEY, source, content_type=TYPE)
    assert files(root) == []


async def test_a_download_onto_a_full_disk_leaves_nothing(storage, source, tmp_path, request):
    await storage.publish(KEY, source, content_type=TYPE)
    info = await storage.head(KEY)
    request.getfixturevalue("small_disk")
    with pytest.raises(Unavailable):
        await storage.download(KEY, etag=info.etag, to=tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


async def test_a_missing_root_is_unavailable_rather_than_empty(storage, root, source):
    await storage.publish(KEY, source, content_type=TYPE)
    root.rename(root.with_name("elsewhere"))
    for attempt in (
        storage.head(KEY),
        storage.delete(KEY),
        storage.publish(KEY, source, content_type=TYPE),
        anext(storage.list("")),
        storage.open_public("published/x"),
    ):
        with pytest.raises(Unavailable) as failure:
            await attempt
        assert str(root) not in str(failure.value)


async def test_a_symbolic_link_to_a_folder_is_not_followed(storage, root, source, tmp_path):
    await storage.publish(ObjectKey("recordings/secret.webm"), source, content_type=TYPE)
    (root / "recordings").rename(tmp_path / "outside")
    (root / "published").symlink_to(tmp_path / "outside")
    key = ObjectKey("published/secret.webm")
    assert await storage.head(key) is None
    assert [info async for info in storage.list("")] == []
    assert [info async for info in storage.list("published/")] == []
    with pytest.raises(ObjectMissing):
        await storage.open_public(key)
    with pytest.raises(Unavailable):
        await storage.publish(ObjectKey("published/x"), source, content_type=TYPE)
    await storage.delete(key)
    assert files(tmp_path / "outside") == ["secret.webm.object"]


async def test_a_symbolic_link_to_an_object_is_not_followed(storage, root, source):
    await storage.publish(ObjectKey("recordings/secret.webm"), source, content_type=TYPE)
    (root / "published").mkdir()
    (root / "published" / "x.object").symlink_to(root / "recordings" / "secret.webm.object")
    with pytest.raises(ObjectMissing):
        await storage.open_public("published/x")
    assert [info.key async for info in storage.list("")] == ["recordings/secret.webm"]
    await storage.publish(ObjectKey("published/x"), source, content_type="audio/mp4")
    assert (await storage.head(ObjectKey("recordings/secret.webm"))).content_type == TYPE


@pytest.mark.parametrize(
    "content", [b"", b"orakobj1", b"\xff" * 4 + b"orakobj1", b"{}\0\0\0\x02orakobj1", b"not an object at all"]
)
async def test_a_file_without_a_footer_is_not_an_object(storage, root, content):
    (root / "recordings").mkdir()
    (root / "recordings" / "take.webm.object").write_bytes(content)
    (root / "recordings" / "README").write_bytes(b"")
    (root / "recordings" / os.fsdecode(b"\xff.object")).write_bytes(b"")
    assert await storage.head(KEY) is None
    assert [info async for info in storage.list("")] == []


async def test_a_truncated_object_file_is_not_an_object(storage, root, source):
    await storage.publish(KEY, source, content_type=TYPE)
    path = root / "recordings" / "take.webm.object"
    path.write_bytes(path.read_bytes()[1000:])
    assert await storage.head(KEY) is None


_PARTS = st.text("./-0aA가", min_size=1, max_size=6)


@settings(deadline=None, max_examples=25)
@given(
    keys=st.sets((_PARTS | st.just("long" * 70)).filter(is_valid), max_size=8),
    prefix=st.text("./-0aA가", max_size=3),
)
async def test_any_set_of_keys_is_listed_in_byte_order(keys, prefix):
    with TemporaryDirectory() as folder:
        (Path(folder) / "source").write_bytes(b"")
        async with LocalStorage.open(Path(folder) / "objects", URL, SECRET, FrozenClock()) as storage:
            for key in keys:
                await storage.publish(ObjectKey(key), Path(folder) / "source", content_type=TYPE)
            found = [info.key async for info in storage.list(prefix)]
    assert found == sorted((key for key in keys if key.startswith(prefix)), key=str.encode)


async def test_deleting_the_last_object_of_a_folder_removes_the_folder(storage, root, source):
    for name in ("a", "b"):
        await storage.publish(ObjectKey(f"published/uuid/{name}"), source, content_type=TYPE)
    await storage.delete(ObjectKey("published/uuid/a"))
    assert (root / "published" / "uuid").is_dir()
    await storage.delete(ObjectKey("published/uuid/b"))
    assert [path.name for path in root.iterdir() if path.name != ".incoming"] == ["published"]
    assert list((root / "published").iterdir()) == []


async def test_a_write_succeeds_while_its_folder_is_being_removed(storage, tmp_path):
    (tmp_path / "small").write_bytes(b"la")

    async def come_and_go(name: str) -> None:
        key = ObjectKey(f"published/uuid/{name}")
        for _ in range(15):
            await storage.publish(key, tmp_path / "small", content_type=TYPE)
            await storage.delete(key)

    await asyncio.gather(*map(come_and_go, "abcd"))
    assert [info async for info in storage.list("")] == []


async def test_old_leftover_files_are_found_and_removed_unless_locked(storage, root):
    folder = root / ".incoming"
    now = datetime.now(UTC)
    for name, age in (("old", 2), ("locked", 2), ("young", 0)):
        (folder / name).touch()
        written_at = (now - timedelta(days=age)).timestamp()
        os.utime(folder / name, (written_at, written_at))
    found = [found async for found in storage.unfinished(now - timedelta(days=1))]
    assert {leftover.handle for leftover in found} == {"old", "locked"}
    with (folder / "locked").open() as locked:
        fcntl.flock(locked, fcntl.LOCK_EX)
        assert [one.handle async for one in storage.unfinished(now - timedelta(days=1))] == ["old"]
        for leftover in found * 2:
            await storage.abandon(leftover)
    assert {file.name for file in folder.iterdir()} == {"locked", "young"}
