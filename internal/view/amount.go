package view

import "strconv"

// Unit is what amounts are shown in. Prefixes are those of SI, as ip(8) has them: 1 kB is 1000 bytes.
type Unit uint8

// The units.
const (
	InBytes Unit = iota
	InBits
)

// Amount is a number of bytes for people: "812 B", "1.2 MB", "98.4 Mbit".
func (u Unit) Amount(bytes float64) string { return u.text(bytes, "") }

// Rate is a number of bytes per second for people: "12.3 MB/s".
func (u Unit) Rate(bytes float64) string { return u.text(bytes, "/s") }

func (u Unit) text(bytes float64, per string) string {
	if u == InBits {
		return string(append(appendScaled(nil, bytes*8, " "), "bit"+per...))
	}
	return string(append(appendScaled(nil, bytes, " "), "B"+per...))
}

// Count is a number for people: "812", "1.2k".
func Count(n float64) string { return string(appendScaled(nil, n, "")) }

const prefixes = "kMGTPE"

// appendScaled writes a number with two or three digits, and the prefix of its unit. What rounds to 1000 has the next one.
func appendScaled(dst []byte, v float64, space string) []byte {
	n := 0
	for ; v >= 999.5 && n < len(prefixes); n++ {
		v /= 1000
	}
	switch {
	case n == 0 && v > 0 && v < 0.5:
		dst = append(dst, "<1"...)
	case n > 0 && v < 99.95:
		dst = strconv.AppendFloat(dst, v, 'f', 1, 64)
	default:
		dst = strconv.AppendFloat(dst, v, 'f', 0, 64)
	}
	if dst = append(dst, space...); n > 0 {
		dst = append(dst, prefixes[n-1])
	}
	return dst
}

var (
	sparks      = [...]string{"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"}
	asciiSparks = [...]string{"_", ".", ":", "-", "=", "+", "*", "#"}
)

// Spark draws values as a row of bars, the highest of them full; only what is 0 has the lowest bar.
func Spark(values []float64, ascii bool) string {
	bars, top := &sparks, 0.0
	if ascii {
		bars = &asciiSparks
	}
	for _, v := range values {
		top = max(top, v)
	}
	var dst []byte
	for _, v := range values {
		i := 0
		if v > 0 {
			i = 1 + int(v/top*float64(len(bars)-2)+0.5)
		}
		dst = append(dst, bars[i]...)
	}
	return string(dst)
}
