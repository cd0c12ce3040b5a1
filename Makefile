# The short names of what a newcomer needs. `make check` is what CI runs.
# `make` alone is check.
.DEFAULT_GOAL := check

# The page of sockeye serve, from web/; needs Node, which nothing else does.
.PHONY: page
page:
	scripts/page

.PHONY: check test build bench wine fuzz

check:
	.ci/run

test:
	go test ./...

build:
	CGO_ENABLED=0 go build -trimpath -o sockeye ./cmd/sockeye

# As root: the background and the load are processes of a network namespace of their own.
bench:
	go run ./bench/table -n 1000,10000,100000
	go run ./bench/watch

wine:
	.ci/run wine

fuzz:
	FUZZTIME=$${FUZZTIME:-30s} FUZZTOTAL=36000 .ci/run fuzz
