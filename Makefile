# Each target installs what it needs into .venv, once. PYTHON may name another Python, 3.11 or newer.
PYTHON ?= python3
export PATH := $(CURDIR)/.venv/bin:$(PATH)

# How many trainings run on GPUs at the same time, GPUs × training.jobs_per_gpu: GPUS=4 for a machine with four.
GPUS ?= 1
# --nolock: guard.smk has a lock that ends with its process. --rerun-incomplete: redo what a crash interrupted.
SNAKEMAKE = python -m snakemake --cores all --resources gpu=$(GPUS) --show-failed-logs --nolock --rerun-incomplete
# Show a progress bar if the output is a terminal.
SNAKEMAKE += $(shell [ -t 2 ] && echo --logger rich)

# CONFIGFILE=more.yaml puts that file on top of config.yaml, in every target that reads the config.
CONFIG = $(if $(CONFIGFILE),"$(CONFIGFILE)")
# Snakemake needs a user's name and a cache folder, which a container may lack.
export USER := $(or $(USER),$(LOGNAME),$(shell id -u))
ifeq ($(XDG_CACHE_HOME)$(shell mkdir -p "$$HOME/.cache" 2> /dev/null || echo none),none)
export XDG_CACHE_HOME := $(CURDIR)/.snakemake/cache
endif

.PHONY: demo run status plan preview remake test test-slurm lint bench

demo: .venv/requirements.txt
	$(SNAKEMAKE) --workflow-profile workflow/profiles/demo --configfile workflow/profiles/demo/sweep.yaml $(CONFIG)
	@echo "The report is report/demo/report.md, and report/demo/index.html a page to explore it"

run: .venv/requirements.txt
	$(SNAKEMAKE) $(if $(CONFIG),--configfile $(CONFIG))
	@echo "The report is in report/, in the folder named as the experiment in config.yaml"

status plan preview remake: .venv/requirements.txt
	@python scripts/$@.py $(if $(CONFIG),--configfile $(CONFIG))

test: .venv/requirements-dev.txt
	python -m pytest tests

# The tests start a SLURM cluster on this machine and stop it again: as root, on Debian.
test-slurm: .venv/requirements-dev.txt
	SWEEP_SLURM=1 python -m pytest --numprocesses 0 tests/slurm

bench: .venv/requirements-dev.txt
	PYTHONPATH=scripts:tests/unit python tests/bench/bench.py

lint: .venv/requirements-dev.txt
	ruff check
	ruff format --check
	snakefmt --check Snakefile workflow
	python -m snakemake --lint
	mypy scripts tests

# The copy is a time stamp: pip runs again only when the requirements change.
.venv/requirements.txt: envs/requirements.txt envs/constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 …")'
	$(PYTHON) -m venv .venv
	pip install --quiet --disable-pip-version-check -r envs/requirements.txt
	cp envs/requirements.txt $@

.venv/requirements-dev.txt: envs/requirements-dev.txt .venv/requirements.txt
	pip install --quiet --disable-pip-version-check -r envs/requirements-dev.txt
	cp envs/requirements-dev.txt $@
