package metrics

import (
	"strconv"
	"time"
)

// kind is what a figure is.
type kind uint8

const (
	gauge   kind = iota // goes up and down
	counter             // only grows, until the program starts again
)

// family is the series of one name.
type family struct {
	name, help string
	unit       string // of OTLP, in UCUM: "By" is bytes
	kind       kind
	points     []point
}

// point is one series: labels as name and value in turn.
type point struct {
	labels []string
	value  value
	since  time.Time // when a counter began; zero is with this program
}

// value is a number. Counts are kept whole, as bytes go beyond what a float64 holds exactly.
type value struct {
	count  uint64
	number float64
	isReal bool
}

func count(n uint64) value { return value{count: n} }

func number(f float64) value { return value{number: f, isReal: true} }

func (v value) append(dst []byte) []byte {
	if v.isReal {
		return strconv.AppendFloat(dst, v.number, 'g', -1, 64)
	}
	return strconv.AppendUint(dst, v.count, 10)
}

func (f *family) add(v value, labels ...string) {
	f.points = append(f.points, point{labels: labels, value: v})
}
