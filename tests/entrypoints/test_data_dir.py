import stat
from concurrent.futures import ThreadPoolExecutor

from orak.entrypoints.data_dir import kept_key


def test_concurrent_starts_share_one_key_that_only_its_owner_can_read(tmp_path):
    path = tmp_path / "keys" / "signing.key"
    with ThreadPoolExecutor(8) as threads:
        keys = set(threads.map(kept_key, [path] * 32))
    assert keys == {path.read_bytes()}
    assert len(path.read_bytes()) == 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["signing.key"]
