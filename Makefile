# Needs Python 3.11 or newer, make and git; everything else is fetched into .venv and .tools.
.PHONY: help run test test-fast check audit format bench chaos pages environment settings openapi uv-pin pin-images release-check clean
.DEFAULT_GOAL := help

# Where it is set, every process that starts would compile all of our modules anew.
unexport PYTHONDONTWRITEBYTECODE

BIN := .venv/bin
CODE := backend workers studio skills_kit mcp tests benchmarks docs/images .ci
TEXTS := $(CODE) docs assets clients notebooks *.md compose.yaml Dockerfile Makefile pyproject.toml

help: ## This list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

run: environment pages ## Everything on http://127.0.0.1:8000 in the foreground, with a demo project and its first job
	@exec $(BIN)/puras-studio up --demo --quiet

test: environment pages ## The whole test suite, browser and chaos tests included
	@exec .ci/test

test-fast: check ## The two-minute loop: checks, unit tests, and a test of each important part
	$(BIN)/python -m pytest -n 2 --dist loadfile tests/unit tests/integration/test_migrations.py \
		tests/integration/jobs/test_queue.py tests/integration/ledger/test_receipts.py \
		tests/integration/auth/test_gate.py tests/integration/sandbox/test_runner_endings.py

check: environment ## Check format, lint, spelling, types and imports
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)
	$(BIN)/codespell $(TEXTS)
	$(BIN)/mypy
	$(BIN)/lint-imports

audit: environment ## Check the lock file, licenses and known vulnerabilities of all dependencies
	$(BIN)/python .ci/audit.py

format: environment ## Format the code and mend what can be mended
	$(BIN)/ruff format $(CODE)
	$(BIN)/ruff check --fix $(CODE)

bench: pages ## Measure the numbers, each beside its peer
	@.ci/environment --group bench
	$(BIN)/python -m benchmarks

chaos: pages ## The long form of the tests that kill things, attack and fuzz; prints a table; then what is too slow for every day
	@.ci/environment --group fuzz
	PURAS_CHAOS_ROUNDS=$${PURAS_CHAOS_ROUNDS:-10} $(BIN)/python -m pytest tests/chaos tests/contract/attack tests/fuzz tests/properties tests/integration/auth/test_strangers.py -o timeout=3600
	$(BIN)/python -m pytest tests/contract tests/integration tests/journeys -m slow

settings: environment ## Write the pages of docs/ anew that are made from code
	$(BIN)/python -m backend.generators.settings_page
	$(BIN)/python -m backend.generators.kit_pages
	$(BIN)/python -m backend.generators.reference
	$(BIN)/python -m puras_mcp.reference

openapi: environment ## Write tests/contract/openapi.json anew, and the parts of both clients that are made from it
	$(BIN)/python -m backend.generators.openapi_document > tests/contract/openapi.json
	$(BIN)/python -m backend.generators.typescript
	$(BIN)/python -m backend.generators.python_client

uv-pin: ## Write bootstrap-requirements.txt again, after uv.lock names another uv
	$(BIN)/python .ci/uv_requirements.py > bootstrap-requirements.txt

pin-images: ## Write the digests of the images into Dockerfile and compose.yaml; needs docker and its registry
	$(BIN)/python .ci/images.py --pin

release-check: environment pages ## What a release needs in addition to the tests: images by digest, audit, all Pythons
	@.ci/release-check $(if $(WITHOUT_VULNERABILITY_DATA),--without-vulnerability-data)

pages: environment ## Build the pages of the studio and the documentation
	@$(BIN)/python -m studio.build
	@$(BIN)/python -m backend.docs_site.build

environment:
	@.ci/environment

clean: ## Remove what was fetched and built (never the data)
	rm -rf .venv .tools .web .states .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
