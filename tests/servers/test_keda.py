"""The ScaledObject keeps to KEDA's own schema, which an npm package carries."""

import copy
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from manifests import rendered

ROOT = Path(__file__).parents[2]

PROGRAM = """
import { ScaledObject } from "@kubernetes-models/keda/keda.sh/v1alpha1";
import { readFileSync } from "node:fs";
new ScaledObject(JSON.parse(readFileSync(0, "utf8"))).validate();
"""


def validate(scaled):
    """Return what KEDA's schema says against an object; empty if it is right."""
    done = subprocess.run(
        [shutil.which("node"), "--input-type=module", "--eval", PROGRAM],
        cwd=ROOT,
        input=json.dumps(scaled),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode == 0) == (done.stderr == ""), done.stderr
    return done.stderr


@pytest.mark.parametrize("overlay", ["overlays/example", "overlays/aws"])
def test_the_scaled_object_is_one_that_keda_accepts(overlay):
    [scaled] = [one for one in rendered(overlay) if one["kind"] == "ScaledObject"]
    assert validate(scaled) == ""
    wrong = copy.deepcopy(scaled)
    wrong["spec"]["maxReplicaCount"] = "many"
    assert "maxReplicaCount" in validate(wrong)
