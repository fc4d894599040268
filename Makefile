# `make demo` and `make test` set everything up by themselves, in a virtual environment in .venv.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test coverage lint audit fuzz bench chaos mutants clean

.venv/installed: setup.cfg pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install -q --disable-pip-version-check -e ".[postgres,test,lint,bench]"
	touch $@

demo: .venv/installed
	$(BIN)/connector demo

test: .venv/installed
	$(BIN)/pytest $(TESTS)

# Two minutes: the tests that take every line and every branch of the core, which pyproject.toml lists.
CORE := tests/callerdesk tests/journal tests/recordings tests/crms/test_crm_login.py \
  $(filter-out tests/test_ten_thousand.py, $(wildcard tests/test_*.py))
coverage: .venv/installed
	@ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || { \
	  echo "Half of these branches are taken on PostgreSQL, which is not installed here: apt-get install postgresql"; \
	  exit 1; }
	$(BIN)/pytest $(CORE) --cov

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/bandit -q -c pyproject.toml -r connector

# Known weaknesses of what is installed. Without a way to the advisories it fails: a look that found nothing is no finding.
audit: .venv/installed
	$(BIN)/pip install -q --disable-pip-version-check pip-audit
	$(BIN)/pip-audit --strict --skip-editable

# Minutes: what the suite tries with a few examples, the same in every run, with many that are new.
FUZZ ?= 1000
fuzz: .venv/installed
	FUZZ=$(FUZZ) $(BIN)/pytest tests/service/test_service_fuzz.py tests/crms/test_crm_any_hook.py

bench: .venv/installed
	$(BIN)/python bench/run.py

# Minutes of it: CHAOS="--clicks 500 --kills 50", or --database postgres; `python -m chaos.run --help` tells all.
chaos: .venv/installed
	$(BIN)/python -m chaos.run $(CHAOS)

# Hours of it for all; MUTANTS="connector/policy phone" picks some, `--sample 40` a share of the mutants, `--again` tries what survived once more.
mutants: .venv/installed
	$(BIN)/pip install -q --disable-pip-version-check -e ".[mutants]"
	nice -n 10 $(BIN)/python -m mutation.run $(MUTANTS)

clean:
	rm -rf .venv
