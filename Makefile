# make            the environment, every chapter executed, the pages; what has not changed since is left as it is
# make -B         the same, all of it anew
# make test       the tests, in as many processes as there are cores
# make trust      faults, mutants, made-up input, kills, rebuilds: some hours; a sample of it: make trust TRUST=--sample
# make lab        JupyterLab in the study's environment; more of its options: make lab LAB="--port 9000"
# make watch      a chapter that is saved is executed and its page made within seconds, in build/preview/html
# make refresh    execute the chapters and rewrite notebooks/*.ipynb
# make calibrate  simulate 100 trials, reconstruct them, write data/calibration.csv (about 45 minutes; goes on where it stopped)
# make lock       requirements.txt anew from pyproject.toml
# make clean      remove what make has made

.DEFAULT_GOAL := study
.PHONY: study test trust lab watch refresh calibrate lock clean environment

SUITABLE := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHON ?= $(shell for each in python3.13 python3.12 python3.11 python3; do \
	command -v $$each > /dev/null 2>&1 && $$each -c '$(SUITABLE)' > /dev/null 2>&1 && echo $$each && break; done)

RUN := .venv/bin/python
# named after the lock's content: a changed lock is installed, a touched one is not
INSTALLED := .venv/installed-$(firstword $(shell cksum requirements.txt))
PIP := $(RUN) -m pip install --quiet --quiet --disable-pip-version-check

# make -B asks for everything again
ONLY_CHANGED := $(if $(findstring B,$(filter-out --%,$(firstword $(MAKEFLAGS)))),,--changed)

study: environment
	@$(RUN) -m lib.run $(ONLY_CHANGED)

test: environment
	@$(RUN) -m pytest -n logical

trust: environment
	@$(PIP) --require-hashes -r tests/trust/requirements.txt
	@$(RUN) tests/trust $(TRUST)

refresh: environment
	@$(RUN) -m lib.run --refresh

calibrate: environment
	@$(RUN) -m lib.reconstruct.calibration

# The settings lie in the environment, not in the user's home: a .py chapter opens as a notebook, this README as a page.
lab: environment
	@mkdir -p .venv/share/jupyter/lab/settings
	@cp lib/book/lab_settings.json .venv/share/jupyter/lab/settings/overrides.json
	@.venv/bin/jupyter lab --LabApp.default_url=/lab/tree/README.md $(LAB)

watch: environment
	@$(RUN) -m lib.watch

lock:
	@command -v uv > /dev/null || { echo "The lock is made by uv: install it with 'pip install uv'." >&2; exit 1; }
	uv pip compile --quiet pyproject.toml -o requirements.txt
	uv pip compile --quiet --group pyproject.toml:trust -c requirements.txt -o tests/trust/requirements.txt

clean:
	rm -rf build .venv

environment: $(INSTALLED)

$(INSTALLED):
	@test -n "$(PYTHON)" || { echo "No Python 3.11, 3.12 or 3.13 was found: install one (on Debian: apt-get install python3)." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2> /dev/null || { echo "$(PYTHON) cannot make environments: install its venv module (on Debian: apt-get install python3-venv)." >&2; exit 1; }
	@echo "Making the environment in .venv with $(PYTHON); the first time this takes some minutes."
	@$(RUN) -c '$(SUITABLE)' 2> /dev/null || $(PYTHON) -m venv --clear .venv
	@rm -f .venv/installed-*
	@$(PIP) --require-hashes -r requirements.txt
	@$(PIP) --no-deps --no-build-isolation -e .
	@touch $@
