# make demo            breaks a ZooKeeper ensemble, and the daemon notices and heals it while you watch; CASE=data tells the second story
# make test            every test, real processes included
# make check           format, tidy and unit tests, without real servers: for before a commit
# make incidents       what unguarded automation did in public incidents, and what Selfheal does in the same worlds
# make bench           figures beside a bare baseline in the same run
# make bench-watch     looks at 1,000 to 10,000 nodes beside a bare loop, and the daemon at rest with 1,000
# make bench-fleet     commands over SSH on 20, 200 and 1,000 hosts, beside other clients; PEERS=FOLDER names their programs
# make bench-prover    the search of `selfheal verify` beside spin and C, every shipped runbook proved, simulated hours a second
# make torture         kills the engine 200 times while it heals, puts hosts in every trouble, sends 100,000 odd parameters through each
#                      shell, and ends the engine before every job of every runbook in virtual time; goes on where it was stopped
# make fuzz            drives parser, checker and CEL with libFuzzer for ten minutes; SECONDS=60 for another time
# make hostile         measures a release build on files that nobody would write on purpose
.PHONY: demo incidents test check build release bench bench-watch bench-fleet bench-prover torture fuzz hostile format clean

SWIFT ?= swift
CASE ?= quorum
SECONDS ?= 600

demo: packages-demo
	$(SWIFT) build --product selfheal
	.build/debug/selfheal lab demo --story $(CASE)

incidents: packages-demo
	$(SWIFT) build --product selfheal
	.build/debug/selfheal incidents

test: packages-test
	scripts/check
	SELFHEAL_INTEGRATION=1 scripts/test

check: packages-build
	scripts/check
	scripts/test

build: packages-build
	$(SWIFT) build

release: packages-build
	$(SWIFT) build --configuration release --product selfheal --static-swift-stdlib --scratch-path .build-release

bench: packages-build
	scripts/bench

bench-watch: packages-build
	scripts/bench-watch

bench-fleet: packages-test
	for product in EngineBenchmark FleetFloor; do \
		$(SWIFT) build --configuration release --static-swift-stdlib --scratch-path .build-release --product $$product || exit; \
	done
	scripts/bench-fleet $(if $(PEERS),--peers $(PEERS))

bench-prover: packages-test
	for product in CheckerBenchmark RehearsalBenchmark selfheal; do \
		$(SWIFT) build --configuration release --static-swift-stdlib --scratch-path .build-release --product $$product || exit; \
	done
	scripts/bench-prover

torture: packages-test
	$(SWIFT) build --build-tests
	SELFHEAL_TORTURE=1 $(SWIFT) test --skip-build --disable-xctest --filter '^CommandReceiptsTests\.ParameterTests'
	SELFHEAL_TORTURE=1 $(SWIFT) test --skip-build --disable-xctest --filter '^RunVerifierTests\.GeneratedMutantTests'
	SELFHEAL_TORTURE=1 $(SWIFT) test --skip-build --disable-xctest --filter '^CronCalendarTests\.'
	SELFHEAL_CRASHES=all SELFHEAL_SEEDS=200 $(SWIFT) test --skip-build --disable-xctest --filter '^EngineSimulationTests\.'
	scripts/torture 200 --hosts 20 --records both --folder .build/torture

fuzz: packages-build
	scripts/fuzz $(SECONDS)

hostile: release
	$(SWIFT) build --configuration release --static-swift-stdlib --scratch-path .build-release --product RunbookFuzzer
	.build-release/release/RunbookFuzzer --corpus .build-release/hostile
	scripts/hostile .build-release/release/selfheal .build-release/hostile

format:
	$(SWIFT) format --in-place --recursive Package.swift Sources Tests Benchmarks Fuzzing

clean:
	rm -rf .build .build-release .build-fuzz

# Spelled out: make looks for no pattern rule behind a phony target.
.PHONY: packages-build packages-demo packages-test
packages-build packages-demo packages-test: packages-%:
	scripts/packages $*
