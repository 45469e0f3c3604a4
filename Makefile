# Two commands are all the set-up there is: `make reproduce-table3` and `make test`. Each installs what is
# missing (Scripts/setup.sh), builds in release mode and does its job.

PAPER ?= xecomla
PROFILE ?= micro
SEEDS ?=
# Mutated files of each kind, and which.
FILES ?= 100000
FUZZ_SEED ?= 1
# Cells at a time, one thread each; lab takes 256 at most.
JOBS ?= $(shell cores=$$(nproc); echo $$((cores < 256 ? cores : 256)))
BIN := .build/release
SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c
# On a terminal the compiler would be told to colour its messages, and other flags mean another build.
BUILD := swift build -c release --no-color-diagnostics
# Experiments need one program of the eight.
LAB_BUILD := $(BUILD) --product lab
# Tests are built apart, so that going back and forth rebuilds nothing.
TESTING := -c release --no-color-diagnostics -Xswiftc -enable-testing --scratch-path .build-tests
# `swift test` would build everything anew, with its own order of flags, and the next build once more.
TEST_BUILD := swift build $(TESTING) --build-tests
# Continuous integration builds once: the programs of the tests' build do everything there.
ifdef ONE_BUILD
BIN := .build-tests/release
BUILD := $(TEST_BUILD)
LAB_BUILD := $(TEST_BUILD)
endif
# Passes the tests' output through and ends it with one line.
COUNT := awk '{ print; fflush() } /^Test Case .* passed \(/ { passed++ } /^Test Case .* failed \(/ { failed++ } \
  /^Test Case .* skipped \(/ { skipped++ } \
  END { printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped }'
FORMATTED := --recursive Sources Tests Package.swift
seeds := $(if $(SEEDS),--seeds $(SEEDS))

.PHONY: help setup build lab test lint format smoke check-figures reproduce-table3 reproduce sweep named figures teachers verify-teachers bench fuzz races torture docs report clean

help:
	@echo "make reproduce-table3        X-EcoMLA Table 3, micro profile: table and picture under runs/figures/"
	@echo "make test                    all tests"
	@echo "make lint                    layout and declared dependencies; make format lays the sources out"
	@echo "make reproduce PAPER=xecomla [ITEM=table11] [PROFILE=micro] [SEEDS=1,2,3] [JOBS=2]"
	@echo "make sweep SWEEP=xecomla/ablation-rank"
	@echo "make figures                 every table and figure from the committed records, PNG too"
	@echo "make report                  figures/index.html: every claim, table and figure on one page"
	@echo "make check-figures           fails if a committed table or figure differs from its records"
	@echo "make smoke                   one cell of every experiment, a few steps each"
	@echo "make teachers                pretrain the ladder models whose folders are gone (six hours and more for all)"
	@echo "make bench                   speed beside PyTorch (when installed) and the machine's ceiling"
	@echo "make fuzz                    100,000 mutated files for every reader (FILES=1000000 SANITIZE=address)"
	@echo "make races                   pool, prefetching, ranks and evaluation under the thread sanitizer"
	@echo "make torture                 kills and failing disks, kernels under sanitizers (TRIES=5)"
	@echo "make clean                   removes what was built and all of runs/: models, caches, your records"
	@echo "make docs                    the reference of the main modules, under .build/documentation"

setup:
	@Scripts/setup.sh

build: setup
	@$(BUILD)

lab: setup
	@$(LAB_BUILD)

test: setup verify-teachers
	@$(TEST_BUILD)
	@Scripts/test.sh .build-tests/release | $(COUNT)

# The layout of .swift-format, and Package.swift declaring every module that a target imports.
lint: setup
	swift format lint --strict $(FORMATTED)
	Scripts/torture/kernels.sh 0
	$(TEST_BUILD) --explicit-target-dependency-import-check error

format:
	swift format --in-place $(FORMATTED)

smoke: lab
	@$(BIN)/lab run --all --profile smoke --jobs $(JOBS)

check-figures: lab
	$(BIN)/lab regenerate --check

reproduce-table3:
	@$(MAKE) --no-print-directory reproduce PAPER=xecomla ITEM=table3 PROFILE=micro

reproduce: lab
	@$(BIN)/lab run $(foreach paper,$(PAPER),'$(paper)$(if $(ITEM),/$(ITEM))') --profile '$(PROFILE)' --jobs $(JOBS) $(seeds)

sweep: named lab
	@$(BIN)/lab run $(foreach sweep,$(SWEEP),'$(sweep)') --profile '$(PROFILE)' --jobs $(JOBS) $(seeds)

# Before anything is built.
named:
	@$(if $(SWEEP),:,echo "make sweep: which one? Such as SWEEP=xecomla/ablation-rank; experiments/README.md says what a sweep is" >&2; exit 2)

figures: lab
	$(BIN)/lab regenerate --png

report: lab
	@$(BIN)/lab report

verify-teachers:
	@cd experiments/teachers && sha256sum --quiet --check SHA256SUMS && cd world2 && sha256sum --quiet --check SHA256SUMS && echo "teachers: all hashes match"

teachers: build
	Scripts/teachers.sh

bench: build
	$(BIN)/bench

# Under a sanitizer only the tests that it is for are built, apart, with what they stand on. What the address sanitizer
# holds back would count as memory of the readers.
SANITIZED = swift build -c release --no-color-diagnostics -Xswiftc -enable-testing -Xswiftc -DSANITIZED \
  --product upcyclePackageTests
fuzzed := GroundworkTests,TokenDataTests,WorldsTests,ModelCoreTests,DistillationTests,EvaluationTests,PublishedTasksTests,LabKitTests
fuzz: FUZZ_BUILD = $(if $(SANITIZE),UPCYCLE_TEST_TARGETS=$(fuzzed) $(SANITIZED) --scratch-path .build-address \
  --sanitize address -Xcc -fsanitize=undefined -Xcc -fno-sanitize-recover=undefined,$(TEST_BUILD))
fuzz: setup
	@$(FUZZ_BUILD)
	@ASAN_OPTIONS=quarantine_size_mb=8:detect_leaks=0 UPCYCLE_FUZZ_COUNT=$(FILES) UPCYCLE_FUZZ_SEED=$(FUZZ_SEED) \
	  Scripts/test.sh .build-$(if $(SANITIZE),address,tests)/release Fuzz | $(COUNT)

races: setup
	@UPCYCLE_TEST_TARGETS=GroundworkTests,TensorCoreTests,TokenDataTests,CollectivesTests,EvaluationTests,ParallelismTests \
	  $(SANITIZED) --scratch-path .build-thread --sanitize thread
	@TSAN_OPTIONS=halt_on_error=1:suppressions=Scripts/torture/races.txt \
	  Scripts/test.sh .build-thread/release 'Thread|Ranks|Overlap|Progress|Batch|^EvaluationTests|^ParallelismTests' | $(COUNT)

torture: build
	Scripts/torture/kernels.sh $(if $(TRIES),$$((50 * $(TRIES))),200)
	TORTURE_TRIES=$(or $(TRIES),5) Scripts/torture/torture.sh $(BIN)

docs: build
	Scripts/documentation.sh

clean:
	rm -rf .build .build-* runs
