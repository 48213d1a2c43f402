import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from uuid import RFC_4122, UUID

import pytest

from orak.adapters.ids.random import RandomIds
from orak.adapters.ids.sequential import SequentialIds


@pytest.mark.parametrize("ids", [RandomIds(), SequentialIds()], ids=["random", "sequential"])
def test_ids_are_distinct_uuids_of_version_4(ids):
    made = [ids.uuid() for _ in range(100)]
    assert len(set(made)) == 100
    assert all(str(UUID(one)) == one and UUID(one).version == 4 for one in made)


def test_random_ids_use_all_122_bits_that_are_free():
    numbers = [UUID(RandomIds().uuid()).int for _ in range(2000)]
    always, ever = numbers[0], 0
    for number in numbers:
        always &= number
        ever |= number
    assert always == 0x4000_8000_0000_0000_0000
    assert ever == (1 << 128) - 1 - 0xB000_4000_0000_0000_0000
    assert {UUID(int=number).variant for number in numbers} == {RFC_4122}


def test_threads_never_get_the_same_id():
    ids = RandomIds()
    with ThreadPoolExecutor(8) as threads:
        made = [*threads.map(lambda _: ids.uuid(), range(20_000))]
    assert len(set(made)) == len(made)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_forked_process_repeats_no_id_of_its_parent():
    program = (
        "import os\nfrom orak.adapters.ids.random import RandomIds\nRandomIds().uuid()\n"
        "if child := os.fork():\n    os.waitpid(child, 0)\n"  # so that they print one after the other
        "print(RandomIds().uuid())"
    )
    printed = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, text=True
    ).stdout
    assert len(set(printed.split())) == 2


def test_sequential_ids_count_up():
    ids = SequentialIds()
    assert [ids.uuid()[-2:] for _ in range(3)] == ["01", "02", "03"]


@pytest.mark.parametrize("ids", [RandomIds(), SequentialIds()], ids=["random", "sequential"])
def test_secrets_are_distinct_and_safe_in_a_url(ids):
    made = [ids.secret() for _ in range(100)]
    assert len(set(made)) == 100
    assert all(re.fullmatch(r"[\w-]{43}", one) for one in made)
