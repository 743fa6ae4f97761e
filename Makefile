# Tocsin: `make run` starts everything, `make test` checks everything; both set up what they need.

PYTHON ?= $(shell for p in python3.14 python3.13 python3.12 python3.11 python3; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& { command -v $$p; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input

# The tests in parts, each a process that reads only its own modules; two run at a time, the longest first.
PARTS := desk ground rest map alerts past
MAP := $(addprefix tests/browser/test_,map.py map_table.py time.py compare.py draw.py bundle.py)
PAST := tests/alerts/media $(wildcard tests/alerts/test_backtest*.py) tests/alerts/test_replay.py tests/alerts/test_record.py
BROWSER := tests/browser
without = $(addprefix --ignore=,$(1))
PART_desk := $(BROWSER) $(call without,$(MAP))
PART_map := $(MAP)
PART_past := $(PAST)
PART_alerts := tests/alerts $(call without,$(PAST))
PART_ground := tests/layers tests/data
PART_rest := tests $(call without,$(BROWSER) tests/alerts $(PART_ground))

# What tests write goes to memory where there is plenty of it: they wait for the disk half their time otherwise.
ROOMY := $(shell test "$$(df --output=avail -m /dev/shm 2>/dev/null | tail -n 1)" -gt 6000 2>/dev/null \
	&& test "$$(awk '/MemAvailable/ {print int($$2 / 1024)}' /proc/meminfo)" -gt 8000 2>/dev/null && echo /dev/shm)
IN_MEMORY := $(if $(ROOMY),TMPDIR=$(ROOMY))

.DEFAULT_GOAL := help
.PHONY: help run demo setup test prove bench-survey doctor lint clean $(PARTS:%=tests-of-%)

help:
	@echo "make run     set up and start on http://127.0.0.1:8050"
	@echo "make demo    the rainstorm of Zhengzhou in July 2021 at 60 times its speed, without any network"
	@echo "make setup   only set up: packages, browser bundle, base data"
	@echo "make test    set up for tests, then every check and test"
	@echo "make prove   the slow proofs"
	@echo "make bench-survey N=1e7  the survey store with records made here, beside its peers"
	@echo "make doctor  what is missing or wrong"
	@echo "make clean   remove the environment, bundles and base data (not the database)"

run: setup
	@$(BIN)/python app.py

demo: setup
	@$(BIN)/python app.py demo

setup: $(VENV)/run.stamp
	@$(BIN)/python -m data.setup

doctor:
	@$(BIN)/python app.py doctor

test: $(VENV)/test.stamp
	@$(BIN)/python -m data.setup --for-tests
	$(MAKE) --no-print-directory -k -j2 --output-sync=target lint $(PARTS:%=tests-of-%)

$(PARTS:%=tests-of-%): tests-of-%:
	$(IN_MEMORY) $(BIN)/python -m pytest -m "not prove" --durations=15 --durations-min=5 $(PART_$*)

lint: $(VENV)/test.stamp
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m mypy
	$(BIN)/lint-imports

prove: $(VENV)/test.stamp
	@$(BIN)/python -m data.setup --for-tests
	TOCSIN_PROVE=1 $(BIN)/python -m pytest -m "prove or property"
	$(MAKE) --no-print-directory bench-survey N=1e9

N ?= 1e7
bench-survey: $(VENV)/run.stamp
	$(PIP) install --quiet -r requirements-bench.txt
	$(BIN)/python -m bench.bench_survey --records $(N) --peers --out data/var/bench/survey-$(N)
	$(BIN)/python -m bench.bench_inspect 1e6

clean:
	rm -rf $(VENV) assets/vendor data/var/npm data/var/base data/var/stamps

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer with venv is needed (Debian: apt-get install python3 python3-venv)"; exit 1; }
	@echo "Python environment from $(PYTHON) ..."
	@$(PYTHON) -m venv $(VENV)

# A stamp holds the checksum of what was installed; touching the file without changing it installs nothing.
$(VENV)/run.stamp: requirements.txt | $(BIN)/python
	@sum="$$(cksum requirements.txt)"; if [ "$$sum" != "$$(cat $@ 2>/dev/null)" ]; then \
		echo "Python packages (a few minutes the first time) ..."; [ -t 1 ] || quiet=--quiet; \
		$(PIP) install $$quiet -r requirements.txt && echo "$$sum" > $@; else touch $@; fi

$(VENV)/test.stamp: requirements.txt requirements-dev.txt | $(BIN)/python
	@sum="$$(cksum requirements.txt requirements-dev.txt)"; if [ "$$sum" != "$$(cat $@ 2>/dev/null)" ]; then \
		echo "Python packages for tests ..."; [ -t 1 ] || quiet=--quiet; \
		$(PIP) install $$quiet -r requirements-dev.txt && echo "$$sum" > $@ \
		&& cksum requirements.txt > $(VENV)/run.stamp; else touch $@; fi
