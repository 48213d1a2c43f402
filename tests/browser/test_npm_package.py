"""The npm package of the browser client holds the client, its types and its licences."""

import json
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
CLIENT = ROOT / "src" / "orak" / "entrypoints" / "web" / "client"


def test_the_package_holds_every_module_with_its_types_and_the_licences():
    packed = subprocess.run(
        ["npm", "pack", "--dry-run", "--json", "--workspace", "orak-client"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    [package] = json.loads(packed.stdout)
    files = {file["path"] for file in package["files"]}
    modules = {str(file.relative_to(CLIENT)) for file in CLIENT.rglob("*.js")}
    assert modules <= files
    assert {module.removesuffix(".js") + ".d.ts" for module in modules} <= files
    assert {"package.json", "README.md", "LICENSE", "vendor/fix-webm-duration/LICENSE"} <= files
    assert not [name for name in files if "tsconfig" in name or "test" in name]
    exported = json.loads((CLIENT / "package.json").read_text())["exports"]
    named = {
        path
        for entry in exported.values()
        for path in (entry.values() if isinstance(entry, dict) else [entry])
    }
    assert {path.removeprefix("./") for path in named} <= files


def test_the_package_needs_nothing_to_run():
    manifest = json.loads((CLIENT / "package.json").read_text())
    assert "dependencies" not in manifest
    assert manifest["peerDependenciesMeta"] == {"react": {"optional": True}}
