# Everything one does with a checkout of orak. `./justw RECIPE` makes .venv, which the recipes work in.

set positional-arguments

bin := justfile_directory() / ".venv/bin"
python := bin / "python"
uv := "UV_PYTHON_DOWNLOADS=never " + bin / "uv"
pip := uv + " pip install --quiet --python " + python

# List the recipes
default:
    @{{ justfile_directory() }}/.venv/bin/just --list --unsorted

# Install what working on orak needs, exactly as locked
setup:
    @{{ pip }} --require-hashes -r requirements/dev.txt
    @{{ pip }} --no-deps --no-build-isolation --editable .

# Take a real take from presign to playback on embedded defaults, then serve: `just demo [FILE] [--once]`
[no-exit-message]
demo *arguments: _runtime
    @{{ bin }}/orak demo "$@"

# Serve the API on http://127.0.0.1:8000 (needs JWT_SECRET or JWKS_URL)
[no-exit-message]
serve *arguments: _runtime
    @{{ bin }}/orak serve "$@"

# Run the tests: `just test [PYTEST ARGUMENTS]`
test *arguments: setup
    {{ bin }}/pytest "$@"

# Test the page in Debian's Chromium: `just test-browser [PYTEST ARGUMENTS]`
test-browser *arguments: setup _chromium
    {{ bin }}/pytest tests/browser -n 2 "$@"

# Check the client's types against its modules, and test the examples, where there is Node
test-js:
    npm ci && npm run types && git diff --exit-code -- "*.d.ts" && npm run check && npm test && npm run build

# Draw the pictures of the page in docs/images anew
screenshots: setup _chromium
    ORAK_SCREENSHOTS=docs/images {{ bin }}/pytest tests/browser/test_page_screenshots.py -n 2

# Measure orak beside its peers: `just bench [GOAL...] [--rounds N]`; docs/guides/performance.md says what the goals are
bench *arguments: setup
    @{{ pip }} --require-hashes -r requirements/bench.txt
    PYTHONPATH=tests/support:tests:. {{ python }} -m benchmarks "$@"

# Kill everything at random, N trials from SEED on, and count what was lost: `just chaos [N] [SEED] [cluster|embedded|networked|meddled]`
chaos *arguments: setup
    PYTHONPATH=tests/support:tests {{ python }} -m reliability "$@"

# Check style, types and the direction of imports
check: setup
    {{ bin }}/ruff check
    {{ bin }}/ruff format --check
    {{ bin }}/mypy
    {{ bin }}/lint-imports --no-cache

# Mend what can be mended by machine, and bring the generated documents up to date
fix: setup
    {{ bin }}/ruff check --fix
    {{ bin }}/ruff format
    {{ python }} -m orak.entrypoints.http.openapi > docs/openapi.json

# Resolve the requirements anew and pin them by hash; what runs is what was tested, so dev.txt leads
lock: setup
    {{ uv }} pip compile {{ lock_options }} --upgrade requirements/tools.in -o requirements/tools.txt
    {{ uv }} pip compile {{ lock_options }} --upgrade pyproject.toml requirements/tools.in --extra aws --extra postgresql --extra redis requirements/dev.in -o requirements/dev.txt
    {{ uv }} pip compile {{ lock_options }} --upgrade pyproject.toml -c requirements/dev.txt -o requirements/run.txt
    {{ uv }} pip compile {{ lock_options }} --upgrade requirements/bench.in -c requirements/dev.txt -o requirements/bench.txt

# What CI runs
ci: test check

lock_options := "--quiet --universal --generate-hashes --no-emit-index-url --no-header --python " + python

[private]
_runtime:
    @test -x {{ bin }}/orak || { {{ pip }} --require-hashes -r requirements/run.txt && {{ pip }} --no-deps --editable . ; }

[private]
_chromium:
    @command -v chromium >/dev/null || command -v chromium-browser >/dev/null || test -n "${CHROMIUM:-}" || { \
        test "$(id -u)" = 0 && command -v apt-get >/dev/null || { \
            echo "error: there is no Chromium; install it, or set CHROMIUM to its path" >&2; exit 1; }; \
        apt-get update -qq && apt-get install -qq -y chromium fonts-noto-cjk; }
