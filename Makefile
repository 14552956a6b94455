# make demo            heals a broken ZooKeeper ensemble while you watch; CASE=data tells the second story
# make test            every test, real processes included
# make check           format, tidy and unit tests, without real servers: for before a commit
# make incidents       what unguarded automation did in public incidents, and what Selfheal does in the same worlds
# make bench           figures beside a bare baseline in the same run
# make bench-fleet     commands over SSH on 20, 200 and 1,000 hosts, beside other clients; PEERS=FOLDER names their programs
# make torture         kills the engine 200 times while it heals, puts hosts in every trouble, and sends 100,000 odd parameters through each
#                      shell; goes on where it was stopped
.PHONY: demo incidents test check build release bench bench-fleet torture format clean

SWIFT ?= swift
CASE ?= quorum

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

bench-fleet: packages-test
	for product in EngineBenchmark FleetFloor; do \
		$(SWIFT) build --configuration release --static-swift-stdlib --scratch-path .build-release --product $$product || exit; \
	done
	scripts/bench-fleet $(if $(PEERS),--peers $(PEERS))

torture: packages-test
	$(SWIFT) build --build-tests
	SELFHEAL_TORTURE=1 $(SWIFT) test --skip-build --disable-xctest --filter '^CommandReceiptsTests\.ParameterTests'
	scripts/torture 200 --hosts 20 --records both --folder .build/torture

format:
	$(SWIFT) format --in-place --recursive Package.swift Sources Tests Benchmarks

clean:
	rm -rf .build .build-release

# Spelled out: make looks for no pattern rule behind a phony target.
.PHONY: packages-build packages-demo packages-test
packages-build packages-demo packages-test: packages-%:
	scripts/packages $*
