PYTHON ?= python3
BIN := .venv/bin
export OMP_WAIT_POLICY ?= PASSIVE

.PHONY: demo test check fuzz bench clean

demo: .venv/installed
	$(BIN)/partimento demo

test: .venv/installed-dev
	$(BIN)/pytest

check: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -c "import torch; cuda = torch.version.cuda; assert not '$(CPU_ONLY)' or cuda is None, cuda"

# ten times the mutations of the test run
fuzz: .venv/installed-dev
	PARTIMENTO_FUZZ=20000 $(BIN)/pytest tests/corpus/test_mutations.py

bench: .venv/installed-bench
	for script in ingest tokenize generation training search audio drumgrid; do $(BIN)/python benchmarks/$$script.py || exit 1; done

.venv/bin/pip:
	$(PYTHON) -m venv .venv

KERNELS := hatch_build.py $(shell find src -name '*.c')

.venv/installed: pyproject.toml constraints.txt $(KERNELS) | .venv/bin/pip
	@echo "installing partimento into .venv"
	@$(BIN)/pip install --quiet --constraint constraints.txt --editable .
	@touch $@

.venv/installed-dev: pyproject.toml constraints.txt $(KERNELS) | .venv/bin/pip
	@echo "installing partimento and its development tools into .venv"
	@$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch .venv/installed $@

.venv/installed-bench: .venv/installed-dev
	@$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev,bench]'
	@touch $@

clean:
	rm -rf .venv partimento-demo
