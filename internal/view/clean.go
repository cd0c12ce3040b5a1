package view

import (
	"strconv"
	"unicode/utf8"
)

// appendClean writes text that a terminal may be shown: control characters, invisible ones (which can reverse or hide
// text) and broken UTF-8 come out as \x1b or \u202e. Names of processes and paths of sockets are chosen by anyone.
func appendClean[T string | []byte](dst []byte, text T) []byte {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' {
			return appendCleanSlow(dst, string(text))
		}
	}
	return append(dst, text...)
}

func appendCleanSlow(dst []byte, text string) []byte {
	const hex = "0123456789abcdef"
	for len(text) > 0 {
		r, size := utf8.DecodeRuneInString(text)
		switch {
		case r == utf8.RuneError && size == 1, r < ' ', r == 0x7f:
			dst = append(dst, '\\', 'x', hex[text[0]>>4], hex[text[0]&15])
		case isPrint(r):
			dst = append(dst, text[:size]...)
		default:
			dst = append(dst, strconv.QuoteRuneToASCII(r)[1:]...)
			dst = dst[:len(dst)-1]
		}
		text = text[size:]
	}
	return dst
}

// isPrint is strconv.IsPrint, which takes long to find out what most names of places are made of: CJK Unified Ideographs.
func isPrint(r rune) bool { return r >= 0x4e00 && r <= 0x9fff || strconv.IsPrint(r) }

// CleanText is text without anything that a terminal would obey.
func CleanText(text string) string { return string(appendClean(nil, text)) }

// textWidth is the number of terminal cells that clean text takes.
func textWidth(text []byte) int {
	width := 0
	for i := 0; i < len(text); {
		if text[i] < utf8.RuneSelf {
			width++
			i++
			continue
		}
		r, size := utf8.DecodeRune(text[i:])
		width += runeWidth(r)
		i += size
	}
	return width
}

// runeWidth knows the scripts whose characters take two cells (Unicode TR 11, wide and fullwidth, in whole blocks) and the
// combining marks that take none.
func runeWidth(r rune) int {
	switch {
	case r >= 0x300 && r <= 0x36f:
		return 0
	case r >= 0x1100 && r <= 0x115f, r >= 0x2e80 && r <= 0xa4cf && r != 0x303f, r >= 0xac00 && r <= 0xd7a3,
		r >= 0xf900 && r <= 0xfaff, r >= 0xfe30 && r <= 0xfe6f, r >= 0xff00 && r <= 0xff60, r >= 0xffe0 && r <= 0xffe6,
		r >= 0x1f300 && r <= 0x1f64f, r >= 0x1f900 && r <= 0x1f9ff, r >= 0x20000 && r <= 0x3fffd:
		return 2
	}
	return 1
}
