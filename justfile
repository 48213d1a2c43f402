# Tasks for a clone of orak. `./justw RECIPE` creates .venv, and the recipes use it.

set positional-arguments

bin := justfile_directory() / ".venv/bin"
python := bin / "python"
uv := "UV_PYTHON_DOWNLOADS=never " + bin / "uv"
pip := uv + " pip install --quiet --python " + python

# List the recipes
default:
    @{{ justfile_directory() }}/.venv/bin/just --list --unsorted

# Install the locked development requirements, compiled: tests start many processes
setup:
    @{{ pip }} --compile-bytecode --require-hashes -r requirements/dev.txt
    @{{ pip }} --no-deps --no-build-isolation --editable .

# Record, upload, convert and play a sample on embedded defaults, then serve: `just demo [FILE] [--once]`
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

# Run the tests on each of Python 3.11, 3.12 and 3.13 that is installed: `just test-pythons [PYTEST ARGUMENTS]`
test-pythons *arguments: setup
    #!/bin/sh
    set -eu
    export UV_PYTHON_DOWNLOADS=never
    for version in 3.11 3.12 3.13; do
        home={{ justfile_directory() }}/.venv-$version
        # A pyenv shim exists for versions that are not active, too; the folders hold the interpreters.
        for python in "python$version" "${PYENV_ROOT:-$HOME/.pyenv}/versions/$version".*/bin/python; do
            "$python" -c "import sys; sys.exit('%d.%d' % sys.version_info[:2] != '$version')" 2>/dev/null || continue
            {{ bin }}/uv venv --quiet --allow-existing --python "$python" "$home"
            {{ bin }}/uv pip install --quiet --python "$home" --require-hashes -r requirements/dev.txt
            {{ bin }}/uv pip install --quiet --python "$home" --no-deps --no-build-isolation --editable .
            echo "Python $version"
            "$home/bin/pytest" "$@"
            continue 2
        done
        echo "Python $version is not installed: skipped"
    done

# Test the pages and the browser client in Chromium: `just test-browser [PYTEST ARGUMENTS]`
test-browser *arguments: setup _chromium _modules _servers
    {{ bin }}/pytest tests/browser -n 2 "$@"

# Test orak behind PgBouncer and other real servers: `just test-servers [PYTEST ARGUMENTS]`
test-servers *arguments: setup _servers _modules
    {{ bin }}/pytest tests/servers -n 2 "$@"

# Build the container image with buildah, podman or docker: `just image [TAG] [BASE]`; BUILD_OPTIONS go to the builder
image tag="orak:latest" base="":
    #!/bin/sh
    set -eu
    cd {{ justfile_directory() }}
    for builder in buildah podman docker; do command -v $builder >/dev/null && break; builder=; done
    test -n "$builder" || { echo "error: found no buildah, podman or docker" >&2; exit 1; }
    # The OCI format, which buildah and podman prefer, has no health checks.
    case $builder in docker) format= ;; *) format="--format docker" ;; esac
    base={{ quote(base) }}
    exec $builder build $format ${base:+--build-arg "BASE=$base"} ${BUILD_OPTIONS:-} --file deploy/Dockerfile --tag {{ quote(tag) }} .

# Build the image on a base made by mmdebstrap, and run demo, worker and compose.yaml in it (slow; root on Debian)
image-trial *arguments: setup _containers
    {{ bin }}/pytest tests/image -n 0 "$@"

# Check the types of the browser client and test the examples (needs Node)
test-js:
    npm ci && npm run types && git diff --exit-code -- "*.d.ts" && npm run check && npm test && npm run build

# Take the screenshots of the page in docs/images again
screenshots: setup _chromium
    ORAK_SCREENSHOTS=docs/images {{ bin }}/pytest tests/browser/test_page_screenshots.py -n 2

# Measure orak beside its peers: `just bench [GOAL...] [--rounds N] [--write]`; docs/guides/performance.md lists the goals
bench *arguments: setup
    @{{ pip }} --require-hashes -r requirements/bench.txt
    PYTHONPATH=tests/support:tests:. {{ python }} -m benchmarks "$@"

# Print where the CPU time of a call goes: `just profile presign|create|get|list [--database sqlite]`
profile *arguments: setup
    @{{ pip }} --require-hashes -r requirements/bench.txt
    PYTHONPATH=tests/support:tests:. {{ python }} -m benchmarks.profiling "$@"

# Measure reads and writes side by side on many connections: `just mixed [sqlite|postgresql] [--connections N...]`
mixed *arguments: setup
    PYTHONPATH=tests/support:tests:. {{ python }} -m benchmarks.mixed "$@"

# Hold 512 connections busy for a minute, and print errors, memory and the latency afterwards
soak *arguments: setup
    PYTHONPATH=tests/support:tests:. {{ python }} -m benchmarks.mixed --soak "$@"

# Simulate larger deployments from measured costs: `just simulate [--measure] [--write]`, see docs/guides/scaling.md
simulate *arguments: setup
    @PYTHONPATH=tests/support:tests:. {{ python }} -m benchmarks.scaling "$@"

# Compare the encoding of recordings with the slow mode of the same encoder
quality: setup
    @PYTHONPATH=tests/support:. {{ python }} -m benchmarks.quality

# Write pairs of recordings to compare by ear, orak's and the slow mode's: `just listen [FOLDER]`
listen folder="listen": setup
    @PYTHONPATH=tests/support:. {{ python }} -m benchmarks.quality --pairs "{{ folder }}"

# Inject faults in N random trials from SEED on: `just chaos [N] [SEED] [cluster|embedded|networked|meddled]`
chaos *arguments: setup
    PYTHONPATH=tests/support:tests {{ python }} -m reliability "$@"

# Watch 200 recordings with a real Prometheus, and compare the dashboard with the database: `just observe [TAKES]`
observe *arguments: setup _servers
    PYTHONPATH=tests/support:tests:. {{ python }} -m benchmarks.observed "$@"

# Check style, types and the direction of imports
check: setup
    {{ bin }}/ruff check
    {{ bin }}/ruff format --check
    {{ bin }}/mypy
    {{ bin }}/lint-imports --no-cache

# Fix lint and formatting, and write the generated documents
fix: setup && docs
    {{ bin }}/ruff check --fix
    {{ bin }}/ruff format

# Write the documents that come from the code: OpenAPI, reference pages, architecture picture, dashboard
docs: setup
    {{ python }} -m orak.entrypoints.http.openapi > docs/openapi.json
    {{ python }} docs/generate.py
    {{ python }} docs/draw_architecture.py
    {{ python }} deploy/grafana/generate.py
    {{ python }} docs/list_third_party.py

# Write the bill of materials of what runs, all extras included, with hashes, to dist/sbom.json (CycloneDX)
sbom: setup
    @{{ pip }} --require-hashes -r requirements/release.txt
    @mkdir -p dist
    @# The project takes its version from the code, which the tool does not read.
    @sed "s/^dynamic = .*/version = \"$({{ bin }}/hatchling version)\"/" pyproject.toml > dist/pyproject.toml
    {{ bin }}/cyclonedx-py requirements requirements/image.txt --pyproject dist/pyproject.toml \
        --mc-type application --output-reproducible --of JSON -o dist/sbom.json
    @rm dist/pyproject.toml

# Build wheel, sdist and npm package into dist/, the same bytes for the same commit
dist: setup
    #!/bin/sh
    set -eu
    cd {{ justfile_directory() }}
    rm -rf dist
    # Archives hold times: those of the commit.
    export SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
    {{ bin }}/hatchling build -d dist >&2
    npm pack --silent --workspace orak-client --pack-destination dist
    (cd dist && sha256sum *.whl *.tar.gz *.tgz | tee SHA256SUMS)

# Build twice and compare, install the wheel in a new environment and run the demo there; publishes nothing
release-check: dist
    #!/bin/sh
    set -eu
    cd {{ justfile_directory() }}
    first=$(cat dist/SHA256SUMS)
    {{ bin }}/just dist >/dev/null
    test "$first" = "$(cat dist/SHA256SUMS)" || { echo "error: two builds of one commit differ" >&2; exit 1; }
    {{ bin }}/just sbom
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    {{ uv }} venv --quiet --python {{ python }} "$folder/venv"
    {{ uv }} pip install --quiet --python "$folder/venv/bin/python" --require-hashes -r requirements/run.txt
    {{ uv }} pip install --quiet --python "$folder/venv/bin/python" --no-deps dist/*.whl
    cd "$folder"
    venv/bin/orak demo --once
    tar -xzf {{ justfile_directory() }}/dist/orak-client-*.tgz
    node --input-type=module -e "globalThis.window = globalThis; await import('$folder/package/index.js')"
    echo "ready to publish: $(cd {{ justfile_directory() }}/dist && echo *)"

# Resolve and pin all requirements by hash; the other files follow dev.txt, so what runs was tested
lock: setup
    {{ uv }} pip compile {{ lock_options }} --upgrade requirements/tools.in -o requirements/tools.txt
    {{ uv }} pip compile {{ lock_options }} --upgrade pyproject.toml requirements/tools.in --extra aws --extra otel --extra postgresql --extra redis requirements/dev.in -o requirements/dev.txt
    {{ uv }} pip compile {{ lock_options }} --upgrade pyproject.toml -c requirements/dev.txt -o requirements/run.txt
    {{ uv }} pip compile {{ lock_options }} --upgrade requirements/bench.in -c requirements/dev.txt -o requirements/bench.txt
    {{ uv }} pip compile {{ lock_options }} --upgrade requirements/release.in -c requirements/dev.txt -o requirements/release.txt
    {{ uv }} pip compile {{ lock_options }} --upgrade pyproject.toml --extra aws --extra otel --extra postgresql --extra redis -c requirements/dev.txt -o requirements/image.txt
    {{ uv }} pip compile {{ lock_options }} --upgrade requirements/build.in -c requirements/dev.txt -o requirements/build.txt

# Run the tests and the checks
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

[private]
_modules:
    @command -v npm >/dev/null || { \
        test "$(id -u)" = 0 && command -v apt-get >/dev/null || { \
            echo "error: there is no npm; install Node 20 or later" >&2; exit 1; }; \
        apt-get update -qq && apt-get install -qq -y nodejs npm; }
    @test -x node_modules/.bin/esbuild || npm ci --silent

[private]
_containers:
    @missing=""; for pair in podman:podman buildah:buildah runc:runc mmdebstrap:mmdebstrap iptables:iptables catatonit:catatonit dnsmasq:dnsmasq-base; do \
        PATH="$PATH:/usr/sbin" command -v "${pair%:*}" >/dev/null || missing="$missing ${pair#*:}"; done; \
    test -x /usr/lib/cni/dnsname || missing="$missing golang-github-containernetworking-plugin-dnsname"; \
    test -z "$missing" || { \
        test "$(id -u)" = 0 && command -v apt-get >/dev/null || { \
            echo "error: not installed:$missing" >&2; exit 1; }; \
        apt-get update -qq && apt-get install -qq -y --no-install-recommends $missing; }

[private]
_servers:
    @missing=""; for pair in pgbouncer:pgbouncer faketime:faketime nginx:nginx-light redis-sentinel:redis-sentinel redis-server:redis-server promtool:prometheus; do \
        PATH="$PATH:/usr/sbin" command -v "${pair%:*}" >/dev/null || missing="$missing ${pair#*:}"; done; \
    test -z "$missing" || { \
        test "$(id -u)" = 0 && command -v apt-get >/dev/null || { \
            echo "error: not installed:$missing" >&2; exit 1; }; \
        apt-get update -qq && apt-get install -qq -y --no-install-recommends $missing; }
