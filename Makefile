# Everything a developer or a first-time user calls. Each target does its own set-up; `make help` lists them.
PYTHON ?= python3
PY := .venv/bin/python
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help run test check bench screenshots pictures messages lock vendor clean setup-run setup-dev

help: ## show what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: setup-run ## open Lotse at http://127.0.0.1:8000 (PORT=8001, DEMO=0, DATABASE_URL=postgres://…)
	@exec $(PY) manage.py run

test: setup-dev ## run every check and test, on SQLite and PostgreSQL and in a browser (ARGS="-k status" for pytest)
	@scripts/setup_test_machine.sh
	@scripts/test.sh $(ARGS)

check: setup-dev ## lint, types, import order, migrations, settings, messages, vendored files
	@scripts/check.sh

bench: setup-dev ## measure lists, search and changes with 10,000 and 100,000 persons
	@scripts/setup_test_machine.sh
	@$(PY) -m bench $(ARGS)

screenshots: setup-dev ## write every main page to build/screenshots/
	@scripts/setup_test_machine.sh
	@LOTSE_PROFILE=test $(PY) -m pytest -q tests/browser/screenshots.py $(ARGS)

pictures: setup-dev ## take the README's pictures anew, to docs/images/
	@scripts/setup_test_machine.sh
	@LOTSE_PROFILE=test $(PY) -m pytest -q tests/browser/pictures.py $(ARGS)

messages: setup-dev ## gather the texts to translate into locale/, compile what is translated
	@$(PY) scripts/messages.py

lock: setup-dev ## write requirements/*.txt anew from the .in files (ARGS=--upgrade takes newer versions)
	@cd requirements && for name in run dev; do ../.venv/bin/uv pip compile -q --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --custom-compile-command 'make lock' $(ARGS) -o $$name.txt $$name.in; done

vendor: setup-dev ## copy the browser's libraries to static/vendor/ anew (needs Node)
	@cd frontend && npm run --silent vendor
	@$(PY) scripts/check_vendor.py

clean: ## remove the virtual environment and what tests left; keeps var/, where the data is
	rm -rf .venv build frontend/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

setup-run setup-dev: setup-%:
	@$(PYTHON) scripts/setup.py $*
