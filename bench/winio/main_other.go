//go:build !windows

// Winio measures the package pipe beside go-winio on Windows.
package main

import "log"

func main() {
	log.Fatal("winio: for Windows: GOOS=windows go build, and run it there or with scripts/wine")
}
