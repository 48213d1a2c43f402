import re
from uuid import UUID

import pytest

from orak.adapters.ids.random import RandomIds
from orak.adapters.ids.sequential import SequentialIds


@pytest.mark.parametrize("ids", [RandomIds(), SequentialIds()], ids=["random", "sequential"])
def test_ids_are_distinct_uuids_of_version_4(ids):
    made = [ids.uuid() for _ in range(100)]
    assert len(set(made)) == 100
    assert all(str(UUID(one)) == one and UUID(one).version == 4 for one in made)


def test_sequential_ids_count_up():
    ids = SequentialIds()
    assert [ids.uuid()[-2:] for _ in range(3)] == ["01", "02", "03"]


@pytest.mark.parametrize("ids", [RandomIds(), SequentialIds()], ids=["random", "sequential"])
def test_secrets_are_distinct_and_safe_in_a_url(ids):
    made = [ids.secret() for _ in range(100)]
    assert len(set(made)) == 100
    assert all(re.fullmatch(r"[\w-]{43}", one) for one in made)
