# make demo            heals a broken ZooKeeper ensemble while you watch; CASE=data tells the second story
# make test            every test, real processes included
# make check           format, tidy and unit tests, without real servers: for before a commit
# make bench           figures beside a bare baseline in the same run
# make torture         kills the engine 200 times while it heals, and puts hosts in every trouble; goes on where it was stopped
.PHONY: demo test check build release bench torture format clean

SWIFT ?= swift
CASE ?= quorum

demo: packages-demo
	$(SWIFT) build --product selfheal
	.build/debug/selfheal lab demo --story $(CASE)

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

torture: packages-test
	$(SWIFT) build --product selfheal
	scripts/torture 200 --hosts 20 --records both --folder .build/torture

format:
	$(SWIFT) format --in-place --recursive Package.swift Sources Tests Benchmarks

clean:
	rm -rf .build .build-release

# Spelled out: make looks for no pattern rule behind a phony target.
.PHONY: packages-build packages-demo packages-test
packages-build packages-demo packages-test: packages-%:
	scripts/packages $*
