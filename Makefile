# floodfuse: everything a fresh clone needs. `make demo`, `make test`, `make lint`, `make bench`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO ?= demo
FOLDERS := catalogs harmonize models pipeline workflows
INSTALLED := $(VENV)/.installed
PIP := $(BIN)/python -m pip --disable-pip-version-check -q

.PHONY: demo test lint bench qgis clean

# Strict editable installs link file by file, so a new file (which changes its folder) asks for installing again.
$(INSTALLED): pyproject.toml constraints.txt $(shell find $(FOLDERS) -type d -not -name __pycache__)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install -c constraints.txt --upgrade pip
	$(PIP) install -c constraints.txt --group dev -e . --config-settings editable_mode=strict
	touch $(INSTALLED)

demo: $(INSTALLED)
	[ ! -e $(DEMO)/scores.json ] || rm -rf $(DEMO)
	$(BIN)/floodfuse demo --out $(DEMO)

test: $(INSTALLED) qgis
	$(BIN)/python -m pytest -n 2 --dist worksteal

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(INSTALLED)
	for file in benchmarks/bench_*.py; do $(BIN)/python $$file; done

# QGIS comes from the system's packages, where there is leave to install them; else its tests are skipped and say so.
qgis:
	@/usr/bin/python3 -c "import qgis.core" 2>/dev/null \
	  || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
	       && apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq qgis python3-qgis >/dev/null; } \
	  || echo "QGIS is not installed and can't be: its tests will be skipped."

clean:
	rm -rf $(VENV) build *.egg-info $(DEMO)
