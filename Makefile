# Everything runs in .venv, which each target sets up from the hashed locks when it is missing or out of date.
#
#   make demo    print the cards of the demo's stories
#   make sandbox the page for trying the service, on http://127.0.0.1:8000/
#   make serve   the service on http://127.0.0.1:8000
#   make test    the whole suite: ruff, mypy --strict, pytest with coverage
#   make check   the same, and nothing may be skipped (MDA5_CDS_TEST_ALL=1)
#   make test-other-python   the tests again, load apart, under Python 3.13, the image's
#   make docs    the documentation as a site, in build/site
#   make docs-write  write docs/decisions.md and docs/stories.md anew from the knowledge and the stories
#   make approve  write the answer to every story anew into tests/stories/approved/; read the difference before you commit it
#   make numbers each number of the knowledge moved by a step: does a test see it?
#   make mutants each function of cds_cards/ changed in one place at a time: does a test see it?
#   make bench   how fast it is against a route that only parses the same bodies; kept in benchmarks/results
#   make bench-profile  where the time of one call goes
#   make soak    the service under fire for ten minutes, SECONDS=600; what it found in build/soak.txt
#   make image   build the container image with podman, buildah or docker
#   make image-check  build it, run it as a cluster does, and two of it behind the proxy (Debian: buildah podman runc mmdebstrap nginx-light postgresql)
#   make lock    write the locks anew from pyproject.toml
#   make sbom    write the image's bill of materials and docs/licences.md anew from requirements.lock
#   make audit   ask for known vulnerabilities of what the image installs; needs a network

# whatever the environment says: each of the tests' processes would compile every module anew
export PYTHONDONTWRITEBYTECODE =

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# many tests wait for servers that stall on purpose, so more workers than cores
WORKERS ?= $(shell cores=$$(nproc 2>/dev/null) && echo $$((cores * 2)) || echo auto)
RUNTIME := $(VENV)/.runtime
TESTING := $(VENV)/.testing

# --no-compile: what is imported is compiled then, and most of it never is
.DEFAULT_GOAL := help
.PHONY: help demo sandbox serve test pytest check test-other-python docs docs-write approve numbers mutants bench bench-profile soak image image-check lock sbom audit clean setup setup-test

help:
	@sed -n 's/^#   //p' Makefile

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "mda5-cds needs Python 3.11 or newer; '$(PYTHON)' is not. Try: make $(MAKECMDGOALS) PYTHON=python3.13" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

# with the libraries of the extra `sandbox`, so that the page and the pictures work; the image goes without (requirements.lock)
$(RUNTIME): $(BIN)/python requirements-sandbox.lock requirements-build.lock pyproject.toml
	$(BIN)/python -m pip install --no-compile --quiet --disable-pip-version-check --require-hashes -r requirements-sandbox.lock -r requirements-build.lock
	$(BIN)/python -m pip install --no-compile --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	@touch $@

$(TESTING): $(RUNTIME) requirements-test.lock
	$(BIN)/python -m pip install --no-compile --quiet --disable-pip-version-check --require-hashes -r requirements-test.lock
	@touch $@

setup: $(RUNTIME)

setup-test: $(TESTING)

demo: setup
	@$(BIN)/mda5-cds demo

sandbox: setup
	$(BIN)/mda5-cds serve --sandbox

serve: setup
	$(BIN)/mda5-cds serve

test: setup-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest -n $(WORKERS) --cov --cov-report=term

# the tests alone, without style, types and coverage
pytest: setup-test
	$(BIN)/pytest -n $(WORKERS) $(PYTEST_ARGS)

check:
	MDA5_CDS_TEST_ALL=1 $(MAKE) test

# The image runs Python 3.13; the suite must hold there as well as on the oldest Python that is promised. Load, attacks
# and long sweeps (`-m load`) and the browser are not repeated.
# pyenv's shims answer only for the selected version, so what stands behind them is tried too.
test-other-python:
	@for candidate in $(OTHER_PYTHON) python3.13 "$$(dirname "$$(command -v python3.13)")"/../versions/3.13*/bin/python3.13; do \
	  if "$$candidate" -c "import sys; sys.exit(sys.version_info[:2] != (3, 13))" 2>/dev/null; then \
	    exec $(MAKE) pytest PYTHON="$$candidate" VENV=.venv-other PYTEST_ARGS="-m 'not load and not browser and not container'"; \
	  fi; \
	done; \
	if [ "$$MDA5_CDS_TEST_ALL" = 1 ]; then \
	  echo "Python 3.13 is needed for the second run of the tests; name it with OTHER_PYTHON=/path/to/python3.13" >&2; exit 1; \
	fi; \
	echo "Python 3.13 is not here: the second run of the tests is left out"

docs: setup-test
	$(BIN)/sphinx-build -q -W --keep-going -b html docs build/site
	@echo "open build/site/index.html"

docs-write: setup
	$(BIN)/python -m docs.generate

approve: setup-test
	$(BIN)/python -m tests.stories.approval

# Moves each number of cds_cards/knowledge/ by a step; a test of behaviour must fail. Takes about an hour.
numbers: setup-test
	$(BIN)/python -m tests.moved_numbers

# Mutation testing of the clinical core; more than an hour, so it continues where it was stopped. SAMPLE=25 tries every 25th mutant,
# MUTANTS="cds_cards/risk.py cds_cards/orders" a part. In an environment of its own: only this needs mutmut.
mutants: $(VENV)-mutants/.ready
	$(VENV)-mutants/bin/python -m tests.mutants --sample $(or $(SAMPLE),1) $(ARGS) $(MUTANTS)

$(VENV)-mutants/.ready: requirements-test.lock requirements-build.lock requirements-mutants.lock
	$(PYTHON) -m venv $(VENV)-mutants
	$(VENV)-mutants/bin/python -m pip install --no-compile --quiet --disable-pip-version-check --require-hashes -r requirements-test.lock -r requirements-build.lock -r requirements-mutants.lock
	$(VENV)-mutants/bin/python -m pip install --no-compile --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	@touch $@

# About three minutes; other work on the machine disturbs. BENCH_ARGS: see `python -m benchmarks --help`
bench: setup
	$(BIN)/python -m benchmarks $(BENCH_ARGS)

bench-profile: setup
	$(BIN)/python -m benchmarks profile $(BENCH_ARGS)

# Needs all of the machine; a short form is part of the tests. It ends some minutes after SECONDS at the latest.
soak: setup-test
	SOAK_SECONDS=$(or $(SECONDS),600) $(BIN)/pytest tests/soak/test_soak.py -q -s

image:
	deploy/image/build.sh

image-check: setup-test
	MDA5_CDS_TEST_ALL=1 $(BIN)/pytest tests/deploy/test_image.py tests/deploy/test_dockerfile.py

lock:
	$(PYTHON) -m venv $(VENV)-lock
	$(VENV)-lock/bin/pip install --quiet --disable-pip-version-check uv
	$(VENV)-lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --upgrade \
	  pyproject.toml -o requirements.lock
	$(VENV)-lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --upgrade \
	  --extra sandbox -c requirements.lock pyproject.toml -o requirements-sandbox.lock
	$(VENV)-lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --upgrade \
	  --extra sandbox --extra test -c requirements-sandbox.lock pyproject.toml -o requirements-test.lock
	echo "setuptools>=77" | $(VENV)-lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --upgrade \
	  -c requirements-test.lock - -o requirements-build.lock
	echo "mutmut>=3.8,<4" | $(VENV)-lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --upgrade \
	  -c requirements-test.lock - -o requirements-mutants.lock
	rm -rf $(VENV)-lock
	$(MAKE) sbom

sbom: setup-test
	$(BIN)/python -W ignore -m cyclonedx_py requirements requirements.lock --pyproject pyproject.toml --mc-type application \
	  --output-reproducible --of JSON --sv 1.6 -o deploy/image/sbom.cdx.json
	# a package is named by its purl, wherever it is had from
	sed -i 's#"https://[^"]*/simple/\([^/"]*\)/"#"pkg:pypi/\1"#' deploy/image/sbom.cdx.json
	$(BIN)/python deploy/image/licences.py

# pip-audit asks PyPI; it is no part of the tests, whose outcome must not change with the day. --strict: a library of which
# nothing could be learnt is no clean one
audit:
	$(PYTHON) -m venv $(VENV)-audit
	$(VENV)-audit/bin/pip install --quiet --disable-pip-version-check pip-audit
	$(VENV)-audit/bin/pip-audit --requirement requirements.lock --require-hashes --disable-pip --strict --progress-spinner off \
	  || { echo "not clean, or the list of vulnerabilities could not be reached: see above" >&2; rm -rf $(VENV)-audit; exit 1; }
	rm -rf $(VENV)-audit

clean:
	rm -rf .venv .venv-other .venv-mutants .coverage .mypy_cache .pytest_cache .ruff_cache .hypothesis build *.egg-info
