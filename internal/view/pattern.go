package view

import (
	"regexp"
	"regexp/syntax"
	"strings"
)

// maxSteps bounds the patterns of one filter, in steps of the program that they compile to: a match may take all of them for
// each byte of a text, and "(.?){1000}" is short to write.
// Each pattern counts as patternSteps more.
const (
	maxSteps     = 4000
	patternSteps = 50
)

// steps is about how many instructions a pattern compiles to.
func steps(re *syntax.Regexp) int {
	n := 1
	for _, sub := range re.Sub {
		n += steps(sub)
	}
	switch re.Op {
	case syntax.OpLiteral:
		n += len(re.Rune)
	case syntax.OpRepeat: // of unbounded ones the least number is copied
		n *= max(re.Min, re.Max, 1)
	}
	return n
}

// maxRemembered is how many texts a pattern remembers the answer for. Names of users, programs and places are few in a table of
// many rows.
const maxRemembered = 1024

// remembering asks a pattern once for each text. It is for one goroutine, as Names are.
func remembering(re *regexp.Regexp) func(string) bool {
	known := make(map[string]bool)
	return func(v string) bool {
		is, ok := known[v]
		if ok {
			return is
		}
		if len(known) >= maxRemembered {
			clear(known)
		}
		is = re.MatchString(v)
		known[strings.Clone(v)] = is // the memory of v may be used again
		return is
	}
}
