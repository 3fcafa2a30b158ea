# make help lists the commands.
VENV = .venv
BIN = $(VENV)/bin
# From Python 3.12 on DBOS uses unixepoch('subsec'), which SQLite has since 3.42.
FITS = import ensurepip, sqlite3, sys; old = sqlite3.sqlite_version_info < (3, 42); \
	sys.exit(sys.version_info < (3, 11) or old and sys.version_info >= (3, 12))
PYTHON ?= $(shell for name in python3.14 python3.13 python3.12 python3.11 python3; do \
	$$name -c '$(FITS)' 2> /dev/null && echo $$name && break; done)
NO_PYTHON = Python 3.11 or newer with its venv module is needed (from 3.12 on with SQLite 3.42), and there is none \
	here. Install it (Debian, Ubuntu: apt install python3-venv), or name it: make PYTHON=/path/to/python3.13
COMPILE = $(BIN)/uv pip compile --quiet --upgrade --python-version 3.11 --generate-hashes --no-header

.PHONY: run test test-thorough install bench lock picture clean help

run: $(VENV)/.base $(BIN)/umstripe ## run the site, its worker and a Stripe of its own, to try everything out
	$(BIN)/umstripe run

test: $(VENV)/.dev ## run everything that is tested, and the checks of style and types
	@$(BIN)/python -m tests.needs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check -q .
	$(BIN)/mypy
	$(BIN)/djlint --lint --quiet templates
	PYTHONDONTWRITEBYTECODE= $(BIN)/pytest -n 4 --dist worksteal

test-thorough: export HYPOTHESIS_PROFILE = thorough
test-thorough: test ## the same, and all cases of the products of which make test tries a part (tests/README.md)

install: $(VENV)/.dev $(BIN)/umstripe ## make the environment in .venv, with all that tests need; run nothing

bench: $(VENV)/.dev ## measure deliveries, catch-up and audit (docs/speed.md)
	$(BIN)/python -m bench.webhook
	$(BIN)/python -m bench.storm

lock: $(VENV)/.dev ## renew the pins in requirements/*.txt
	$(COMPILE) requirements/base.in -o requirements/base.txt
	$(COMPILE) requirements/dev.in -c requirements/base.txt -o requirements/dev.txt

picture: $(VENV)/.dev ## renew the README's picture, as the browser test sees it
	$(BIN)/pytest tests/browser/test_main_job_in_browser.py --database sqlite
	cp tests/artefacts/settings-sandbox-connected.png docs/settings.png

clean: ## remove the environment and what tools have left; instance/ stays
	rm -rf $(VENV) build dist tests/artefacts .pytest_cache .ruff_cache .mypy_cache .hypothesis

help: ## list these commands
	@sed -n 's/^\([a-z-]*\):.*## /make \1	/p' Makefile | expand -t 20

define install
	@test -x $(BIN)/pip || $(PYTHON) -c '$(FITS)' 2> /dev/null || { echo "$(NO_PYTHON)" >&2; exit 1; }
	@test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
endef

$(VENV)/.base: requirements/base.txt
	$(install)
	touch $@

$(VENV)/.dev: requirements/dev.txt
	$(install)
	touch $@ $(VENV)/.base

# The command as it is installed with a wheel, for the code in this folder.
$(BIN)/umstripe: Makefile
	@mkdir -p $(BIN)
	@printf '#!/bin/sh\nexport PYTHONPATH="%s"\nexec "%s" -P -m umstripe "$$@"\n' \
		"$(CURDIR)" "$(CURDIR)/$(BIN)/python" > $@
	@chmod +x $@
