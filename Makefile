# The one entry to every task. It only says what needs what; the work is in scripts/, which can be read and run alone.
#
#   ARGS="..."           goes to the program: make repl ARGS="--help", make test-rust ARGS="term::"
#   PYTHON=python3.12    the Python that ./.venv is made of, where no environment is active
#   PREFIX=~/.local      where make install copies to
#   CHROMIUM=chrome      the browser of make test-browser

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
# The parts share one build and one terminal; cargo and Mix use all cores by themselves.
.NOTPARALLEL:

ARGS ?=
PREFIX ?= $(HOME)/.local
# Set-up may have put a newer Elixir here than the machine has.
tools := $(CURDIR)/.tools
target := $(or $(CARGO_TARGET_DIR),target)

.PHONY: help
help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

.PHONY: repl
repl: build ## set up what is missing, build, start the REPL
	@PATH="$(tools)/elixir/bin:$$PATH" exec $(target)/release/snakebridge $(ARGS)

.PHONY: test test-rust test-python test-kernel test-elixir
test: dev ## set up what is missing, run all tests
	@scripts/test.sh
test-rust: dev ## run Rust's tests (ARGS: to nextest)
	@scripts/test.sh rust -- $(ARGS)
test-python: dev ## run Python's tests (ARGS: to pytest)
	@scripts/test.sh python -- $(ARGS)
test-kernel: dev ## run the tests of the Jupyter kernel (ARGS: to pytest)
	@scripts/test.sh kernel -- $(ARGS)
test-elixir: dev ## run Elixir's tests (ARGS: to mix test)
	@scripts/test.sh elixir -- $(ARGS)

.PHONY: test-libraries
test-libraries: dev ## use real Python packages from Elixir (ARGS: to mix test)
	@scripts/setup.sh dialyzer
	@scripts/build.sh dev
	@scripts/libraries.sh $(ARGS)

.PHONY: test-browser
test-browser: dev ## use the kernel in JupyterLab, in headless Chromium (ARGS: to pytest)
	@scripts/setup.sh browser
	@scripts/build.sh dev
	@scripts/browser.sh $(ARGS)

.PHONY: lint
lint: dev ## check formatting and lints
	@scripts/setup.sh lints
	@scripts/lint.sh

.PHONY: bench
bench: build dev ## run the benchmarks
	@scripts/setup.sh bench
	@scripts/bench.sh $(ARGS)

.PHONY: fuzz
fuzz: ## fuzz the decoders (FUZZ_SECONDS=60 each; nightly Rust), and both ends (FUZZ_FRAMES)
	@scripts/setup.sh rust elixir dev fuzz
	@scripts/fuzz.sh $(ARGS)

.PHONY: build
build: setup ## build for use: binary, extension, Elixir library
	@scripts/build.sh release

.PHONY: install
install: build ## copy what was built to PREFIX (~/.local)
	@scripts/install.sh "$(PREFIX)"

.PHONY: setup dev
setup: ## set up what is missing for a session
	@scripts/setup.sh rust elixir python
dev: ## set up what is missing for tests and lints
	@scripts/setup.sh rust elixir dev

.PHONY: clean
clean: ## delete what was built (not .tools and .venv)
	rm -rf target elixir/_build elixir/priv tests/libraries/_build tests/libraries/wrappers/{_build,lib} python/snakebridge/_native.abi3.so
