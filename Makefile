# make run: the site with its simulator.  make test: everything that is tested.
PYTHON ?= python3.11
VENV = .venv
BIN = $(VENV)/bin

.PHONY: run test install bench picture clean

run: $(VENV)/.base
	$(BIN)/python -m umstripe run

test: $(VENV)/.dev
	@$(BIN)/python -m tests.needs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check -q .
	$(BIN)/mypy
	$(BIN)/djlint --lint --quiet templates
	$(BIN)/pytest -n 5 --dist worksteal

install: $(VENV)/.dev

bench: $(VENV)/.dev
	$(BIN)/python -m bench.webhook
	$(BIN)/python -m bench.storm

$(VENV)/.base: requirements/base.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	touch $@

$(VENV)/.dev: requirements/dev.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	touch $@ $(VENV)/.base

# The README's picture, as the browser test sees it.
picture: $(VENV)/.dev
	$(BIN)/pytest tests/browser/test_main_job_in_browser.py --database sqlite
	cp tests/artefacts/settings-sandbox-connected.png docs/settings.png

clean:
	rm -rf $(VENV) build dist tests/artefacts .pytest_cache .ruff_cache .mypy_cache .hypothesis
