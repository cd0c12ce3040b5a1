module github.com/sockeye-net/sockeye/bench/winio

go 1.26.0

require (
	github.com/Microsoft/go-winio v0.6.4
	github.com/sockeye-net/sockeye v0.0.0
)

require golang.org/x/sys v0.49.0

replace github.com/sockeye-net/sockeye => ../..
