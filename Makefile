# Two commands do all: `make demo` and `make test`; `make bench` measures, `make soak` runs for long.
PYTHON ?= python3
BIN := .venv/bin
SPEED ?= 10
PORT ?= 8080
SOAK_MINUTES ?= 30
COMPILE := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --no-header

.PHONY: demo test lint bench soak lock clean

demo: .venv/box
	$(BIN)/smartbranch demo --speed $(SPEED) --port $(PORT)

test: .venv/test .venv/debian lint
	$(BIN)/python -m pytest -n 2 --dist loadgroup -m "not soak"

lint: .venv/test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy deploy/mosquitto
	$(BIN)/lint-imports

bench: .venv/test .venv/debian
	$(BIN)/python -m tests.bench docs/performance.md

soak: .venv/test .venv/debian
	SOAK_MINUTES=$(SOAK_MINUTES) $(BIN)/python -m pytest -m soak --timeout 0

# the box: what a branch runs; the tests' tools go on top of it in the same place
.venv/box: requirements/box.txt pyproject.toml requirements/venv.sh
	sh requirements/venv.sh $(PYTHON) requirements/box.txt
	touch $@

.venv/test: requirements/test.txt pyproject.toml requirements/venv.sh
	sh requirements/venv.sh $(PYTHON) requirements/test.txt
	touch $@ .venv/box

# Debian packages that the tests use where they can be had: a real broker, a browser, a database, a clock that jumps
.venv/debian: requirements/debian.sh
	sh requirements/debian.sh
	touch $@

lock:
	$(COMPILE) --upgrade pyproject.toml requirements/build.in -o requirements/box.txt
	$(COMPILE) --extra headoffice -c requirements/box.txt pyproject.toml requirements/build.in -o requirements/headoffice.txt
	$(COMPILE) --upgrade --override requirements/override.in --extra headoffice --extra bench -c requirements/box.txt \
		pyproject.toml requirements/build.in requirements/test.in -o requirements/test.txt

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build *.egg-info
