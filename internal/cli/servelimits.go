package cli

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// ageFlag is a span of days or more: 92d, 36h. 0 is for ever.
type ageFlag time.Duration

func (a *ageFlag) String() string {
	d := time.Duration(*a)
	if d%(24*time.Hour) == 0 {
		return strconv.FormatInt(int64(d/(24*time.Hour)), 10) + "d"
	}
	return d.String()
}

// Set reads a number of days, or a duration as everywhere else.
func (a *ageFlag) Set(text string) error {
	if days, is := strings.CutSuffix(text, "d"); is {
		n, err := strconv.ParseUint(days, 10, 16)
		if err != nil {
			return fmt.Errorf("%q is no number of days, as in 92d", days)
		}
		*a = ageFlag(time.Duration(n) * 24 * time.Hour)
		return nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return fmt.Errorf("%q is no span of time, as in 92d or 36h", text)
	}
	*a = ageFlag(d)
	return nil
}

// Type is the word of the help text.
func (a *ageFlag) Type() string { return "age" }

// sizeFlag is a number of bytes: 4G, 500MiB. 0 is no limit.
type sizeFlag int64

// sizeUnits are powers of 1024, as file systems count.
var sizeUnits = []string{"", "K", "M", "G", "T"}

func (s *sizeFlag) String() string {
	n, unit := int64(*s), 0
	for n != 0 && n%1024 == 0 && unit < len(sizeUnits)-1 {
		n, unit = n/1024, unit+1
	}
	return strconv.FormatInt(n, 10) + sizeUnits[unit]
}

// Set reads a number with a unit.
func (s *sizeFlag) Set(text string) error {
	plain := strings.ToUpper(text)
	plain = strings.TrimSuffix(strings.TrimSuffix(plain, "B"), "I")
	for power := len(sizeUnits) - 1; power >= 0; power-- {
		number, is := strings.CutSuffix(plain, sizeUnits[power])
		if !is {
			continue
		}
		n, err := strconv.ParseFloat(number, 64)
		bytes := n * math.Pow(1024, float64(power))
		if err != nil || !(bytes >= 0 && bytes < 1<<60) {
			break
		}
		*s = sizeFlag(bytes)
		return nil
	}
	return fmt.Errorf("%q is no size, as in 4G or 500M", text)
}

// Type is the word of the help text.
func (s *sizeFlag) Type() string { return "size" }
