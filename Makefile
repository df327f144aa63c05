# Two commands do all: `make demo` and `make test`; `make bench` measures, `make soak` runs for hours.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --require-hashes --no-deps

lock:
	uv pip compile --upgrade --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --no-header \
		pyproject.toml requirements/build.in -o requirements/box.txt
	uv pip compile --upgrade --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --no-header \
		--override requirements/override.in --extra headoffice --extra bench -c requirements/box.txt pyproject.toml requirements/build.in requirements/test.in -o requirements/test.txt
