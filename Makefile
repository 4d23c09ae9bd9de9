# Needs Python 3.11 or newer, make and git. Everything else is downloaded into .venv and .tools.
.PHONY: help run test test-fast check audit format bench test-models chaos pages environment settings openapi uv-pin pin-images wheels release-check clean
.DEFAULT_GOAL := help

# With this variable, each new process compiles all modules of the project again.
unexport PYTHONDONTWRITEBYTECODE

BIN := .venv/bin
CODE := backend workers studio skills_kit mcp tests benchmarks docs/images .ci puras_studio.py hatch_build.py
TEXTS := $(CODE) docs assets clients notebooks *.md compose.yaml Dockerfile Makefile pyproject.toml

help: ## List the commands
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

run: environment pages ## Start an instance with a demo project on http://127.0.0.1:8000
	@exec $(BIN)/puras-studio up --demo --quiet

test: environment pages ## Run the whole test suite, including browser and chaos tests
	@exec .ci/test

test-fast: check ## Run the checks, the unit tests, and a test of each important part, in two minutes
	$(BIN)/python -m pytest -n 2 --dist loadfile tests/unit tests/integration/test_migrations.py \
		tests/integration/jobs/test_queue.py tests/integration/ledger/test_receipts.py \
		tests/integration/auth/test_gate.py tests/integration/sandbox/test_runner_failures.py

check: environment ## Check format, lint, spelling, types (of Python and TypeScript) and imports
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)
	$(BIN)/codespell $(TEXTS)
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python .ci/typescript.py

audit: environment ## Check the lock file, licenses and known vulnerabilities of all dependencies
	$(BIN)/python .ci/audit.py

format: environment ## Format the code and fix lint problems
	$(BIN)/ruff format $(CODE)
	$(BIN)/ruff check --fix $(CODE)

bench: pages ## Run the benchmarks
	@.ci/environment --group bench
	$(BIN)/python -m benchmarks

chaos: pages ## Run the long chaos, attack, fuzz and property tests, print a table, then run the slow tests
	@.ci/environment --group fuzz
	PURAS_CHAOS_ROUNDS=$${PURAS_CHAOS_ROUNDS:-10} $(BIN)/python -m pytest tests/chaos tests/contract/attack tests/fuzz tests/properties tests/integration/auth/test_random_requests.py -o timeout=3600
	@.ci/slow-tests --except-chaos

test-models: environment ## Run agents on a small real model with the server of llama.cpp (200 MB)
	@.ci/environment --group models
	$(BIN)/python -m pytest tests/integration/agents/test_real_model.py -rs

settings: environment ## Regenerate the pages of docs/ that are generated from code
	$(BIN)/python -m backend.generators.settings_page
	$(BIN)/python -m backend.generators.kit_pages
	$(BIN)/python -m backend.generators.reference
	$(BIN)/python -m puras_mcp.reference

openapi: environment ## Regenerate tests/contract/openapi.json and the generated parts of both clients
	$(BIN)/python -m backend.generators.openapi_document > tests/contract/openapi.json
	$(BIN)/python -m backend.generators.typescript
	$(BIN)/python -m backend.generators.python_client

uv-pin: ## Regenerate bootstrap-requirements.txt after uv.lock contains another version of uv
	$(BIN)/python .ci/uv_requirements.py > bootstrap-requirements.txt

pin-images: ## Write the digests of the images into Dockerfile and compose.yaml; needs Docker and its registry
	$(BIN)/python .ci/images.py --pin

release-check: wheels ## Check a release in addition to the tests: installations of the wheels, audit, all Python versions
	@.ci/release-check $(if $(WITHOUT_VULNERABILITY_DATA),--without-vulnerability-data)

pages: environment ## Build the pages of the studio and the documentation
	@$(BIN)/python -m studio.build
	@$(BIN)/python -m backend.docs_site.build

wheels: environment pages ## Build the wheels, source distributions and the SBOM of all packages into dist
	@rm -f dist/*.whl dist/*.tar.gz
	@$(BIN)/uv build --quiet --all-packages --no-sources --out-dir dist
	@$(BIN)/uv export --quiet --frozen --no-default-groups --all-extras --format cyclonedx1.5 --output-file dist/sbom.cdx.json >/dev/null
	@ls -1 dist

environment:
	@.ci/environment

clean: ## Remove downloads and builds, but no data
	rm -rf .venv .tools .web .states .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
