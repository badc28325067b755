# Everything happens in .venv (and .venv-real) of this folder. PYTHON=... chooses the interpreter that makes it.
.DELETE_ON_ERROR:
.SUFFIXES:
.PHONY: help demo test check test-real soak mutation bench faults format clean

SHELL := /bin/sh
VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip install -qq --disable-pip-version-check
ARGS :=
# What tests/real needs: a list of packages is an environment.
REAL := $(patsubst tests/real/environments/%.txt,.venv-real/%/.stamp,$(wildcard tests/real/environments/*.txt))
ifeq ($(shell command -v npm >/dev/null 2>&1 && uname -sm),Linux x86_64)
REAL += .venv-real/node/.stamp
endif

# Tests start many programs, and pytest reads some five hundred files: without bytecode each compiles all of it anew.
unexport PYTHONDONTWRITEBYTECODE

# Environments hold absolute paths: one that was made elsewhere is made anew.
$(shell [ ! -f $(VENV)/.place ] || [ "$$(cat $(VENV)/.place)" = "$(CURDIR)" ] || rm -rf $(VENV) .venv-real)

help:
	@echo "make demo       a streamed answer, a tool call and a failure that is survived, on loopback"
	@echo "make test       all tests that need nothing but this machine (ARGS=... goes to pytest)"
	@echo "make check      format, lint, types, layers, architecture"
	@echo "make test-real  tests against programs that others wrote"
	@echo "make soak       long runs: fuzzing, many streams at once (ARGS='--minutes 1 --seconds 10' for short ones)"
	@echo "make mutation   which small changes of policy/ and engine/ no test notices (ARGS='--only policy/price' for one module)"
	@echo "make bench      speed and size beside the raw transport and other libraries"
	@echo "make faults     how soon an answer or an error comes when a target fails, measured over real sockets"
	@echo "make format     put code and tables into the form that make check and make test want"
	@echo "make clean      remove what these have made"

demo: $(VENV)/.stamp-runtime
	@$(PY) -m trunkline demo

# What measures time runs alone, after everything else; tests/architecture is make check's. pytest's 5: ARGS chose no test; of one half that is no failure.
# Where ARGS names files or folders of tests, these run and no others.
test: $(VENV)/.stamp-tools
ifneq ($(filter tests/%,$(ARGS)),)
	$(PY) -m pytest $(if $(filter tests/io%,$(ARGS)),,-n auto) $(ARGS)
else
	$(PY) -m pytest -n auto --ignore=tests/real --ignore=tests/soak --ignore=tests/io --ignore=tests/architecture $(ARGS); most=$$?; [ $$most -eq 5 ] || [ $$most -eq 0 ] || exit $$most; \
	$(PY) -m pytest tests/io $(ARGS); timed=$$?; [ $$timed -ne 5 ] || exit $$most; exit $$timed
endif

check: $(VENV)/.stamp-tools
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(PY) -m mypy --platform linux
	$(PY) -m mypy --platform win32
	$(PY) -m mypy --platform darwin
	$(PY) -m pyright
	PATH="$(CURDIR)/$(VENV)/bin:$$PATH" $(PY) -m pyright --verifytypes trunkline --ignoreexternal
	$(VENV)/bin/lint-imports
	$(PY) -m pytest tests/architecture

# tests/real skips what is not there; where CI is set, it fails.
test-real: $(REAL)
	$(PY) -m pytest tests/real --timeout=900 $(ARGS)

# Many streams at once run alone, after everything else. Where ARGS names files of tests, these run and no others, in one process.
soak: $(VENV)/.stamp-tools
ifneq ($(filter tests/%,$(ARGS)),)
	$(PY) -m pytest --timeout=0 $(ARGS)
else
	$(PY) -m pytest tests/soak --ignore=tests/soak/test_streams.py -n auto --timeout=0 $(ARGS); most=$$?; [ $$most -eq 5 ] || [ $$most -eq 0 ] || exit $$most; \
	$(PY) -m pytest tests/soak/test_streams.py --timeout=0 $(ARGS); alone=$$?; [ $$alone -ne 5 ] || exit $$most; exit $$alone
endif

mutation: $(VENV)/.stamp-mutation
	$(PY) tools/mutation.py $(ARGS)

bench: $(VENV)/.stamp-tools
	$(PY) bench/run.py $(ARGS)

faults: $(VENV)/.stamp-tools
	$(PY) bench/faults.py $(ARGS)

format: $(VENV)/.stamp-tools
	$(PY) -m ruff check --fix-only .
	$(PY) -m ruff format .
	$(PY) -m tests.test_docs

clean:
	rm -rf $(VENV) .venv-real .cache build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

# The stamps are older than pyproject.toml when its dependencies may have changed.
$(VENV)/.stamp-runtime: pyproject.toml
	@sh tools/make-venv $(VENV)
	@echo "Installing trunkline into $(VENV) ..."
	@$(PIP) --upgrade "pip>=25.1"
	@$(PIP) --editable ".[cli,sim]"
	@echo "$(CURDIR)" > $(VENV)/.place
	@touch $@

$(VENV)/.stamp-tools: $(VENV)/.stamp-runtime
	@echo "Installing the tools into $(VENV) ..."
	@$(PIP) --group dev
	@touch $@

$(VENV)/.stamp-mutation: $(VENV)/.stamp-tools
	@$(PIP) --group mutation
	@touch $@

# Programs that others wrote, each in an environment of its own: their dependencies contradict each other.
.venv-real/.uv: $(VENV)/.stamp-tools
	@$(PIP) --group real
	@mkdir -p .venv-real
	@touch $@

.venv-real/%/.stamp: tests/real/environments/%.txt | .venv-real/.uv
	@echo "Installing $* into .venv-real ..."
	@$(PY) -m uv venv --quiet --clear --python $(PY) .venv-real/$*
	@$(PY) -m uv pip install --quiet --python .venv-real/$*/bin/python --requirement $<
	@touch $@

# Node comes as a package, too: the system's own is often too old for these.
.venv-real/node/.stamp: tests/real/node/package.json
	@echo "Installing programs for Node into .venv-real/node ..."
	@rm -rf .venv-real/node && mkdir -p .venv-real/node && cp $< .venv-real/node
	@cd .venv-real/node && npm install --no-audit --no-fund --no-package-lock --loglevel=error
	@touch $@
