"""The manifests of deploy/kubernetes, rendered as `kubectl apply -k` would apply them."""

import subprocess
import sysconfig
from functools import cache
from pathlib import Path

import yaml

KUBERNETES = Path(__file__).parents[2] / "deploy" / "kubernetes"
KUBECTL = Path(sysconfig.get_path("scripts")) / "kubectl"


@cache
def rendered(overlay: str) -> list[dict]:
    """Return the objects of an overlay."""
    done = subprocess.run(
        [KUBECTL, "kustomize", str(KUBERNETES / overlay)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stderr == ""  # kustomize warns of fields that are deprecated
    return list(yaml.safe_load_all(done.stdout))
