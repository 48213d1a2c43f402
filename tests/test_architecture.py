"""The contracts of import-linter keep every folder of orak, and no modules import in a circle."""

import re
import tomllib
from graphlib import TopologicalSorter
from pathlib import Path

import grimp

import orak

SOURCE = Path(orak.__file__).parent
PYPROJECT = SOURCE.parents[1] / "pyproject.toml"

FIELDS = ("modules", "source_modules", "forbidden_modules", "protected_modules", "allowed_importers")

UNCONTRACTED = ("orak.adapters.persistence.sql.migrations",)
"""Alembic runs these files; no module imports them."""


def contracted() -> set[str]:
    """Return the modules that contracts name; a wildcard names none, because it holds for any folder."""
    contracts = tomllib.loads(PYPROJECT.read_text())["tool"]["importlinter"]["contracts"]
    named = set()
    for contract in contracts:
        for field in FIELDS:
            named.update(module.removesuffix(".*") for module in contract.get(field, ()))
        for container in contract.get("containers", ()):
            for layer in contract["layers"]:
                named.update(f"{container}.{name}" for name in re.split(r"[|:\s]+", layer))
        if "containers" not in contract:
            named.update(contract.get("layers", ()))
    return named


def folders() -> set[str]:
    """Return every folder that holds Python modules, as a package."""
    parents = {path.parent.relative_to(SOURCE.parent) for path in SOURCE.rglob("*.py")}
    packages = {".".join(parent.parts) for parent in parents}
    return {name for name in packages if name != "orak" and not name.startswith(UNCONTRACTED)}


def test_every_folder_is_named_in_a_contract():
    assert folders() - contracted() == set()


def test_every_folder_that_a_contract_names_exists():
    missing = {
        name
        for name in contracted()
        if name.startswith("orak.")
        and not (SOURCE.parent / Path(*name.split("."))).is_dir()
        and not (SOURCE.parent / Path(*name.split("."))).with_suffix(".py").is_file()
    }
    assert missing == set()


def test_no_modules_import_in_a_circle():
    graph = grimp.build_graph("orak", cache_dir=None)
    imported = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    TopologicalSorter(imported).prepare()  # a CycleError names the modules
