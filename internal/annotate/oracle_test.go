package annotate

import (
	"net/netip"
	"regexp"
	"strings"
)

// The rules once more, as regular expressions over the whole text, which share nothing with the code that they test.
var (
	run6      = regexp.MustCompile(`[0-9A-Fa-f:.]+`)
	label     = regexp.MustCompile(`^([^:]*):(.*)$`)
	group     = regexp.MustCompile(`^[0-9A-Fa-f]{0,4}$`)
	pairs8    = regexp.MustCompile(`^[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){7}$`)
	run4      = regexp.MustCompile(`^[0-9]+(\.[0-9]+){3}`)
	inWord    = regexp.MustCompile(`([.%]|[A-Za-z_]-|[0-9A-Za-z_])$`)
	escaped   = regexp.MustCompile(`(\\[nrt]|\x1b\[[0-9;:]{0,22}m)$`)
	goesOn    = regexp.MustCompile(`^([0-9A-Za-z_]|\.[0-9A-Za-z_]|-[A-Za-z_])`)
	product   = regexp.MustCompile(`[0-9A-Za-z_]\\?/$`)
	portAfter = regexp.MustCompile(`^[:(][0-9]`)
	zone4     = regexp.MustCompile(`^%([A-Za-z_][-.0-9A-Za-z_]*)`)
	zone6     = regexp.MustCompile(`^%([0-9A-Za-z_][-.0-9A-Za-z_]*)`)
	prefixLen = regexp.MustCompile(`^/[0-9]{1,3}`)
	portNum   = regexp.MustCompile(`^:[0-9]{1,5}`)
	numGoesOn = regexp.MustCompile(`^([0-9A-Za-z_]|[.:][0-9A-Za-z_]|::)`)
)

// oracle annotates a whole text.
func oracle(text string, place func(netip.Addr) string) string {
	six := map[int][2]any{} // by where the run begins: address, and where it begins and ends
	for _, r := range run6.FindAllStringIndex(text, -1) {
		if a, s, e, ok := oracle6(text, r[0], r[1]); ok {
			six[s] = [2]any{a, [2]int{e, r[1]}}
		}
	}
	var out strings.Builder
	done, six6 := 0, 0
	for i := 0; i < len(text); {
		var a netip.Addr
		end := -1
		if v, ok := six[i]; ok && i >= six6 {
			a = v[0].(netip.Addr)
			if b := v[1].([2]int); b[0] == b[1] {
				end = oracleTail(text, i, b[0], zone6)
			} else {
				end = b[0]
			}
		} else if i >= done {
			a, end = oracle4(text, i)
		}
		if end < 0 {
			i++
			continue
		}
		out.WriteString(text[done:end] + place(a))
		done, i = end, end
		six6 = end
	}
	return out.String() + text[done:]
}

func oracle6(text string, l, r int) (a netip.Addr, s, e int, ok bool) {
	run := strings.TrimRight(text[l:r], ".")
	if strings.HasSuffix(run, ":::") || strings.HasSuffix(run, ":") && !strings.HasSuffix(run, "::") {
		run = run[:len(run)-1]
	}
	if r-l > longest {
		return a, 0, 0, false
	}
	e = l + len(run)
	rest := text[r:]
	switch {
	case e == r && goesOn.MatchString(rest), e < r && text[r-1] == '.' && goesOn.MatchString("."+rest):
		return a, 0, 0, false
	}
	opens := !inWord.MatchString(text[:l]) || !strings.HasSuffix(text[:l], "%") && escaped.MatchString(text[:l])
	if opens {
		if a, ok := parse6(run); ok {
			return a, l, e, true
		}
	}
	m := label.FindStringSubmatch(run)
	if m == nil || opens && group.MatchString(m[1]) {
		return a, 0, 0, false
	}
	a, ok = parse6(m[2])
	return a, l + len(m[1]) + 1, e, ok
}

func parse6(s string) (netip.Addr, bool) {
	a, err := netip.ParseAddr(s)
	return a, err == nil && a.Is6() && strings.ContainsAny(s, "0123456789") && !pairs8.MatchString(s)
}

func oracle4(text string, s int) (netip.Addr, int) {
	m := run4.FindString(text[s:min(len(text), s+20)])
	a, err := netip.ParseAddr(m)
	if err != nil {
		return a, -1
	}
	rest := text[s+len(m):]
	switch before := text[:s]; {
	case inWord.MatchString(tail(before)) && !escaped.MatchString(tail(before)), goesOn.MatchString(rest),
		product.MatchString(tail(before)) && !portAfter.MatchString(rest):
		return a, -1
	}
	return a, oracleTail(text, s, s+len(m), zone4)
}

// tail is the end of a text, where there is what is looked for: the expressions would search all of it.
func tail(s string) string { return s[max(0, len(s)-64):] }

func oracleTail(text string, s, e int, zone *regexp.Regexp) int {
	bracket := func() bool { return s > 0 && text[s-1] == '[' && strings.HasPrefix(text[e:], "]") }
	skipZone := func() {
		if m := zone.FindStringSubmatch(text[e:]); m != nil && len(m[1]) <= maxZone {
			e += 1 + len(strings.TrimRight(m[1], "-."))
		}
	}
	number := func(re *regexp.Regexp, not string) {
		m := re.FindString(text[e:])
		if rest := text[e+len(m):]; m != "" && !numGoesOn.MatchString(rest) && (not == "" || !strings.HasPrefix(rest, not)) {
			e += len(m)
		}
	}
	skipZone()
	if bracket() {
		e++
		skipZone()
	}
	number(prefixLen, "/")
	if bracket() {
		e++
	}
	number(portNum, "")
	return e
}
