PYTHON ?= python3
PORT ?= 8080
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DEMO := build/demo
MODEL = digits
REGISTRY = $(DEMO)/registry

.DEFAULT_GOAL := help

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z%-]+:.*## / {sub("%", "NAME", $$1); printf "  make %-17s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: $(READY) ## Train, export, publish and serve a digits classifier; ask it over HTTP
	@$(BIN)/python -m examples.digits.demo --folder $(DEMO)

# No file has such a name; .PHONY takes no patterns.
example-%: $(READY) ## Do the same for examples/NAME, and compare the answers with Keras's
	@$(BIN)/python -m examples.run $* --folder build/examples/$*

SUITE := $(BIN)/python -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder

.PHONY: test
test: check ## Run all tests, linters and types
	$(SUITE)

# What may differ between versions of Python: the function, with the texts that it splits by tables of
# Unicode that each Python has its own of, the contract, and the locks.
FAST := tests/functions tests/tools tests/test_house.py tests/infra/test_bundle.py

.PHONY: test-fast
test-fast: check ## Run linters, types and the tests of what is deployed, for another PYTHON and VENV
	$(SUITE) $(FAST)

# Apart, because it waits for minutes where the provider does, and needs the real one.
.PHONY: lifecycle
lifecycle: $(READY) ## Apply infra/ to a fake of Google's APIs, with the real provider, good days and bad
	LIFECYCLE=$${LIFECYCLE:-run} $(SUITE) tests/infra/lifecycle

# Apart, because counting lines takes a third as long again, and most where nothing waits.
.PHONY: coverage
coverage: $(READY) ## Run all tests, and tell which lines none of them runs
	$(SUITE) --cov

.PHONY: check
check: $(READY) ## Run ruff, mypy --strict, import-linter and the lock check
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tools/lock.py --check

.PHONY: serve
serve: $(READY) ## Serve what demo published, or MODEL of REGISTRY, on PORT (default 8080)
	@test -d $(REGISTRY) || { echo "nothing is published yet: run 'make demo' first" >&2; exit 2; }
	MODEL_REGISTRY=$(REGISTRY) MODELS=$(MODEL) \
	  $(BIN)/functions-framework --source functions/main.py --target predict --host 127.0.0.1 --port $(PORT)

.PHONY: bench
bench: $(READY) ## Compare the function with other servers, into docs/6-serving-performance.md
	$(BIN)/python -m benchmarks.serving

.PHONY: soak
soak: $(READY) ## Ask the function 200,000 mixed questions, and draw its memory
	$(BIN)/python -m benchmarks.soak

.PHONY: bench-compression
bench-compression: $(READY) ## Measure what compression does, into docs/5-compression.md
	$(BIN)/python -m benchmarks.compression

.PHONY: bench-inputs
bench-inputs: $(READY) ## Compare raw inputs with Keras and send hostile ones, into docs/10-raw-inputs.md
	$(BIN)/python -m benchmarks.raw_inputs

.PHONY: bundle
bundle: $(READY) ## Zip functions/ for deployment, byte for byte the same each time
	@$(BIN)/python -m model_export bundle --output build

.PHONY: check-python-image
check-python-image:
	@echo '$(PYTHON_IMAGE)' | grep -Eq '.+@sha256:[0-9a-f]{64}$$' || { \
	  echo "PYTHON_IMAGE: expected NAME@sha256:DIGEST of the kind python:3.12-slim, so that the same" \
	    "sources give the same image, got '$(PYTHON_IMAGE)'; docker buildx imagetools inspect" \
	    "python:3.12-slim --format '{{.Manifest.Digest}}' tells the digest" >&2; exit 2; }

# BUNDLE names another zip than today's, such as one that models are baked into.
CONTEXT := build/image

.PHONY: image-context
image-context: $(READY) $(if $(BUNDLE),,bundle) ## Unpack the bundle, or BUNDLE=build/function-....zip, to build/image
	@test -z '$(BUNDLE)' || test -f '$(BUNDLE)' || { \
	  echo "BUNDLE: expected the zip that 'model_export bundle' wrote, such as" \
	    "build/function-0123456789ab.zip, and there is no '$(BUNDLE)'; leave it out for one" \
	    "without models" >&2; exit 2; }
	rm -rf '$(CONTEXT)'
	$(BIN)/python -m zipfile -e "$(or $(BUNDLE),$$(ls -t build/function-*.zip | head -1))" '$(CONTEXT)'

# Cloud Run runs linux/amd64 alone.
.PHONY: image
image: check-python-image image-context ## Build container/Dockerfile on PYTHON_IMAGE=python@sha256:..., from the bundle
	SOURCE_DATE_EPOCH=315532800 docker buildx build --file container/Dockerfile --platform linux/amd64 \
	  --build-arg PYTHON_IMAGE='$(PYTHON_IMAGE)' --build-arg REVISION="$$(git rev-parse HEAD)" \
	  --output type=docker,name=tflite-functions,rewrite-timestamp=true '$(CONTEXT)'

.PHONY: lock
lock: $(READY) ## Compile all locks, and resolve with pip those that changed
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python tools/lock.py

.PHONY: resolve
resolve: $(READY) ## Resolve every lock with pip, for every Python that is supported
	$(BIN)/python tools/lock.py --resolve

.PHONY: clean
clean: ## Remove everything that the other targets made
	rm -rf .venv* build .coverage .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# pip installs uv alone, by the hashes of the lock; uv installs the rest in a fraction of pip's time.
# What is not compiled here, every process that imports TensorFlow compiles for five seconds, if
# Python may not write it down.
$(READY): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v < (3, 14) else f"expected Python 3.11 to 3.13 (TensorFlow has no newer wheels), got {v[0]}.{v[1]}: make PYTHON=python3.12 VENV=.venv-3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	awk '/^[a-z]/ {keep = /^uv==/} keep' requirements.txt > $(VENV)/uv.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r $(VENV)/uv.txt
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip sync --quiet --compile-bytecode --require-hashes requirements.txt
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $(READY)
