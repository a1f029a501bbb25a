# A fresh machine needs Python 3.11 or newer and make: everything else comes into .venv. The tests with real servers
# also need Maven, Java 17, a whole JDK 21 and Go; SERVERS=no leaves them out.

PYTHON ?= $(firstword $(foreach name,python3 python3.14 python3.13 python3.12 python3.11,$(if $(shell \
	$(name) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo yes),$(name))))
INSTALL := .venv/bin/pip --disable-pip-version-check install --quiet --constraint constraints.txt --editable
PYTEST := .venv/bin/python -m pytest
BOTH := --numprocesses 2
COVER := --cov=detectors --cov=monitor.engine --cov-branch
REACHED := --cov-report=term-missing:skip-covered --cov-fail-under=95
DETECTION := tests/benchmarks/detection
SECONDS ?= 60
HOURS ?= 2
BENCH := PYTHONPATH=tests:. .venv/bin/python tests/benchmarks/everything.py
BENCHES := speed matrix scale catchup latency start growth hostile state rows memory million
SCENES := digits tiles hi doctor cancer text
KERNELS := detectors/features detectors/sketch tests/detectors/features tests/detectors/sketch \
	tests/detectors/scoring/test_running.py tests/detectors/scoring/test_rates.py tests/monitor/engine/test_clock.py

.PHONY: help demo test lint types layers unit kernels bounds coverage servers integration docs suite deployment mutations audit sbom format pages manual chaos fuzz soak bench $(BENCHES:%=bench-%) bench-detection bench-studies constraints clean
.NOTPARALLEL:
.DEFAULT_GOAL := help

help: ## This list.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: .venv/runtime ## A recorded attack day, end to end.
	@.venv/bin/probewatch demo

test: servers lint types layers audit sbom kernels suite ## Every gate and every test, the way continuous integration runs them.

lint: .venv/dev ## Style and order of the code.
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .

types: .venv/dev ## Types, strictly.
	.venv/bin/mypy

layers: .venv/dev ## Who may import whom, how long things may be, what lies where.
	$(PYTEST) tests/test_architecture.py tests/test_structure.py

unit: .venv/dev ## Tests without servers and without the commands of the manual; half a minute on two idle cores.
	$(PYTEST) -m 'not servers and not docs and not deployment and not chaos'

kernels: .venv/dev ## Kernels uncompiled, so that their branches are counted.
	NUMBA_DISABLE_JIT=1 $(PYTEST) $(BOTH) $(COVER) --cov-report= $(KERNELS)

bounds: .venv/dev ## Kernels with every index checked, over their own tests and the recorded scenes; five minutes.
	NUMBA_BOUNDSCHECK=1 NUMBA_CACHE_DIR=.cache-bounds $(PYTEST) tests/detectors tests/monitor/engine tests/monitor/record tests/test_golden.py

coverage: kernels ## Branches of detectors and engine that their own tests reach.
	$(PYTEST) $(BOTH) -m 'not servers and not docs and not deployment and not chaos' $(COVER) --cov-append $(REACHED) \
		detectors monitor/engine tests/detectors tests/monitor/engine tests/test_golden.py

servers: .venv/dev ## Fetch the real Kafka and Elasticsearch that tests use, once; says first how much that is.
	@PYTHONPATH=tests .venv/bin/python -m services.fetch

integration: servers ## Tests with real servers.
	$(PYTEST) -m servers

docs: .venv/dev ## The commands of README and manual, run, and their output compared.
	$(PYTEST) -m docs

suite: .venv/dev ## All tests but long chaos and deployment, one summary; branches, with those of `kernels`: 95 % at least.
	$(PYTEST) $(BOTH) -m 'not chaos and not deployment' $(COVER) --cov-append $(REACHED)

mutations: .venv/dev ## Move each number of each named test by a fifth: which scenarios notice; PLAYED (20) also in recorded traffic, drawn by SEED.
	-PYTHONPATH=tests:. .venv/bin/python tests/golden/mutations.py $(or $(PLAYED),20) $(or $(SEED),1)

fuzz: .venv/dev ## Fuzz all that reads bytes, guided by coverage: SECONDS (60) for each of eleven readers.
	$(INSTALL) '.[dev,fuzz]'
	PYTHONPATH=tests:. .venv/bin/python -m fuzz --seconds $(SECONDS)

soak: servers ## Steady traffic with faults on real servers for HOURS (2); table and picture in soak-results.
	$(INSTALL) '.[dev,traffic]'
	PYTHONPATH=tests:tests/integration:. .venv/bin/python -m soak --hours $(HOURS)

deployment: .venv/dev ## Image, chart, unit, rules and collectors with the real tools, which it fetches and builds once.
	@PYTHONPATH=tests .venv/bin/python -m services.fetch tools
	$(PYTEST) -m deployment

audit: .venv/audit ## Known vulnerabilities of what is installed; says so where the advisories can not be reached.
	@.venv/bin/python tests/audit.py

sbom: .venv/audit ## The software bill of materials of what runs, CycloneDX, in sbom/.
	.venv/bin/python -m venv --clear .venv-sbom
	.venv-sbom/bin/pip --disable-pip-version-check install --quiet --no-compile --constraint constraints.txt .
	mkdir -p sbom
	.venv/bin/cyclonedx-py environment --pyproject pyproject.toml --of JSON -o sbom/probewatch.cdx.json .venv-sbom/bin/python
	rm -rf .venv-sbom

format: .venv/dev ## Put the code into its form.
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

pages: .venv/dev ## Make the generated pages of the manual anew.
	.venv/bin/probewatch config page > deploy/docs/settings.md
	.venv/bin/probewatch record page > deploy/docs/record.md
	.venv/bin/probewatch detectors page > deploy/docs/detectors.md
	.venv/bin/probewatch siem page deploy/elastic
	.venv/bin/probewatch detectors attacks --to deploy/docs/attacks
	.venv/bin/probewatch man > deploy/probewatch.1

manual: .venv/dev ## The manual as a site, in site/; a link that leads nowhere is an error.
	.venv/bin/properdocs build --config-file deploy/manual/properdocs.yml

chaos: servers ## Faults of all kinds on real servers: ROUNDS rounds and KILLS kills, by SEED (printed); half a minute a round.
	$(PYTEST) -m chaos
	PYTHONPATH=tests:tests/monitor/sinks .venv/bin/python -m chaos --rounds $(or $(ROUNDS),10) --kills $(or $(KILLS),100) \
		$(if $(SEED),--seed $(SEED))

bench: servers .venv-rivals/ready ## Speed, memory and state beside rivals, half an hour; table, profile, picture, last run. Parts: `make bench-PART`, PART one of BENCHES.
	$(INSTALL) '.[dev,traffic]'
	$(BENCH)

$(BENCHES:%=bench-%): servers .venv-rivals/ready
	$(INSTALL) '.[dev,traffic]'
	$(BENCH) $(@:bench-%=%)

bench-detection: .venv/dev ## Who was found, how soon, and who was accused in vain: plays the scenes; table and picture.
	$(INSTALL) '.[dev,traffic]'
	cd $(DETECTION) && export PYTHONPATH=..:. && for scene in $(SCENES); do \
		../../../.venv/bin/python -m traffic $$scene held scenes || exit 1; done
	cd $(DETECTION) && export PYTHONPATH=..:. logs='$(SCENES:%=scenes/%-held.ndjson.zst)' && \
		../../../.venv/bin/python bench.py $$logs --budgets --save results && \
		../../../.venv/bin/python bench.py $$logs --save results

bench-studies: .venv/dev ## New models, poisoners, what sketching and what a query costs; after bench-detection.
	$(INSTALL) '.[dev,traffic]'
	cd $(DETECTION) && export PYTHONPATH=..:. && for study in 'raw_inputs scenes/digits-held.ndjson.zst' growth \
		'cold_start scenes/digits-held.ndjson.zst scenes/hi-held.ndjson.zst' \
		'poison scenes/digits-held.ndjson.zst scenes/hi-held.ndjson.zst'; do \
		../../../.venv/bin/python -m studies.$$study || exit 1; done

constraints: ## Renew constraints.txt from a fresh environment, in .venv-fresh.
	rm -rf .venv-fresh
	$(PYTHON) -m venv .venv-fresh
	.venv-fresh/bin/pip --disable-pip-version-check install --quiet '.[dev,audit]'
	{ grep '^#' constraints.txt; .venv-fresh/bin/pip freeze --exclude probewatch; } > constraints.new
	mv constraints.new constraints.txt
	rm -rf .venv-fresh

clean: ## Remove what was made here; the servers' cache stays.
	rm -rf .venv .venv-fresh .venv-sbom .venv-rivals sbom build dist *.egg-info .coverage* .hypothesis .mypy_cache .ruff_cache probewatch-demo
	find detectors monitor tests -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/bin/python:
	@test -n '$(PYTHON)' || { echo 'No Python 3.11 or newer is on the path; name one: make PYTHON=/path/to/python3' >&2; exit 1; }
	$(PYTHON) -m venv .venv

.venv/runtime: .venv/bin/python pyproject.toml constraints.txt
	$(INSTALL) .
	@touch $@

.venv/dev: .venv/bin/python pyproject.toml constraints.txt
	$(INSTALL) '.[dev]'
	@touch .venv/runtime $@

.venv/audit: .venv/bin/python pyproject.toml constraints.txt
	$(INSTALL) '.[dev,audit]'
	@touch .venv/runtime .venv/dev $@

.venv-rivals/ready: .venv/bin/python tests/benchmarks/rivals.txt
	.venv/bin/python -m venv --clear .venv-rivals
	.venv-rivals/bin/pip --disable-pip-version-check install --quiet --requirement tests/benchmarks/rivals.txt
	@touch $@
