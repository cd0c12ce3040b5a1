package view

import (
	"bytes"
	"strconv"
	"unicode/utf8"
)

// appendCut writes a cell cut to its column's width, with '…' where something is missing. An address keeps its port.
func appendCut(dst, text []byte, c *tableColumn) []byte {
	if textWidth(text) <= c.width {
		return append(dst, text...)
	}
	if c.Name == "owners" {
		return appendCutOwners(dst, text, c.width)
	}
	tail := text[len(text):]
	if i := lastColon(text); c.port && i > 0 && len(text)-i < c.width {
		text, tail = text[:i], text[i:]
	}
	return append(appendHead(dst, text, c.width-len(tail)), tail...)
}

// appendHead writes as much of a text as goes into some cells, with '…' in the last of them.
func appendHead(dst, text []byte, width int) []byte {
	used := 1
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		if used += runeWidth(r); used > width {
			break
		}
		dst = append(dst, text[i:i+size]...)
		i += size
	}
	return append(dst, "…"...)
}

// appendCutOwners leaves out whole owners, and says how many. Where not even the first one has room, its name is cut.
func appendCutOwners(dst, text []byte, width int) []byte {
	ends := ownerEnds(text)
	var rest [16]byte
	for n := len(ends); n > 0; n-- {
		more := moreOwners(rest[:0], len(ends)-n)
		if textWidth(text[:ends[n-1]])+len(more) <= width {
			return append(append(dst, text[:ends[n-1]]...), more...)
		}
	}
	first, more := text[:ends[0]], moreOwners(rest[:0], len(ends)-1)
	id := first[len(first):]
	if i := bytes.LastIndexByte(first, '['); i > 0 {
		first, id = first[:i], first[i:]
	}
	return append(append(appendHead(dst, first, width-len(id)-len(more)), id...), more...)
}

func moreOwners(dst []byte, n int) []byte {
	if n == 0 {
		return dst
	}
	return strconv.AppendUint(append(dst, ",+"...), uint64(n), 10)
}

// ownerEnds are where the owners in what textOwners wrote end. Names may have commas and brackets in them.
func ownerEnds(text []byte) (ends []int) {
	for i := 1; i < len(text); i++ {
		if text[i] == ',' && endsInID(text[:i]) {
			ends = append(ends, i)
		}
	}
	return append(ends, len(text))
}

// endsInID reports whether a text ends in "[4242]".
func endsInID(text []byte) bool {
	digits, bracket := bytes.CutSuffix(text, []byte("]"))
	name := bytes.TrimRight(digits, "0123456789")
	return bracket && len(name) < len(digits) && len(name) > 0 && name[len(name)-1] == '['
}

func lastColon(text []byte) int {
	for i := len(text) - 1; i >= 0; i-- {
		if text[i] == ':' {
			return i
		}
	}
	return -1
}
