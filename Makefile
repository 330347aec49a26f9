# `make demo` and `make test` do all their own set-up; the first call builds .venv.

VENV := .venv
# On Windows, make and these commands are those of Git's bash.
BIN := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
PYTHON ?= $(if $(filter Windows_NT,$(OS)),python,python3)

# Where torchvision's MNIST files already lie beside the checkout, use them.
ifneq ($(wildcard ../shared/data/MNIST),)
export BNREG_DATA ?= $(abspath ../shared/data)
endif

.PHONY: help demo test check static bench calibrate torture readme constraints clean

help: ## List the targets.
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(VENV)/.installed: pyproject.toml .constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint .constraints.txt --compile-bytecode --editable '.[dev]'
	$(BIN)/python -m compileall -q bnreg
	touch $@

demo: $(VENV)/.installed ## Train the lecture's pair of networks over 10 seeds and compare them.
	$(BIN)/bnreg train configs/bn_vs_plain.yaml
	$(BIN)/bnreg compare runs/*

test: $(VENV)/.installed ## Run the whole test suite.
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile

static: $(VENV)/.installed ## Check format, lint and types.
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/ruff check --preview --select PLW1514 bnreg # without its name, the encoding of a text is another one on Windows
	$(BIN)/mypy --platform win32 --cache-dir .mypy_cache/windows & windows=$$!; $(BIN)/mypy && wait $$windows

check: static test ## Everything that must hold before a commit.

bench: $(VENV)/.installed ## Time bnreg against other programs and what the machine can do; needs an idle machine.
	PYTHONPATH=tests $(BIN)/python -m tools.benchmark
	$(BIN)/python tests/tools/benchmark_compare.py

calibrate: $(VENV)/.installed ## Measure whether the verdict keeps its promises, on simulated and on real networks.
	PYTHONPATH=tests $(BIN)/python -m tools.calibration

torture: $(VENV)/.installed ## Try what run folders promise, every fault in full: an hour and more.
	$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint .constraints.txt --editable '.[torture]'
	$(BIN)/python tests/torture/torture.py

readme: $(VENV)/.installed ## Write the generated parts of the README pages.
	$(BIN)/python tests/tools/readme.py

constraints: $(VENV)/.installed ## Choose newer versions of all dependencies.
	$(BIN)/uv pip compile pyproject.toml --extra dev --extra torture --universal --python-version 3.11 --upgrade \
		--no-header --no-annotate --no-emit-index-url --output-file .constraints.txt

clean: ## Remove the environment and everything that was built; runs are kept.
	rm -rf $(VENV) .benchmark build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
