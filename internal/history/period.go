package history

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Period is the time that words name: from From to before To. A moment is as long as it is told exactly: "15:04" is a minute,
// "yesterday" a day. "3h ago" and "now" are moments, with To a microsecond later.
type Period struct{ From, To time.Time }

// ParsePeriod understands, in the time zone of now:
//
//	2026-11-20T15:04:05Z (RFC 3339), 2026-11-20 15:04, 2026-11-20, 2026-11
//	15:04, 15:04:05; today, yesterday, monday ... sunday, which may have a time behind them
//	now, 3h ago, 90 min ago, 2 days ago, this or last hour, day, week, month, year
//
// A time of today that is yet to come is that of today; a day of the week is the last one before today. The error quotes
// the text.
func ParsePeriod(text string, now time.Time) (Period, error) {
	words := strings.ToLower(strings.Join(strings.Fields(text), " "))
	for _, parse := range []func(string, time.Time) (Period, bool){exact, dated, relative, named} {
		if p, ok := parse(words, now); ok {
			return p, nil
		}
	}
	return Period{}, fmt.Errorf(`no time is called %q; examples: "2026-11-20 15:04", "yesterday 15:00", "3h ago", "this month"`, text)
}

func moment(t time.Time) Period { return Period{t, t.Add(time.Microsecond)} }

// exact reads RFC 3339. Its letters may be small.
func exact(text string, now time.Time) (Period, bool) {
	t, err := time.Parse(time.RFC3339Nano, strings.ToUpper(text))
	if err != nil {
		return Period{}, false
	}
	t = t.In(now.Location())
	if strings.Contains(text, ".") {
		return moment(t), true
	}
	return Period{t, t.Add(time.Second)}, true
}

// forms of dates, with what follows them.
var forms = [...]struct {
	layout string
	next   func(time.Time) time.Time
}{
	{"2006-01-02 15:04:05", nextSecond}, {"2006-01-02t15:04:05", nextSecond}, {"2006-01-02 15:04", nextMinute}, {"2006-01-02t15:04", nextMinute},
	{time.DateOnly, func(t time.Time) time.Time { return midnight(t, 1) }}, {"2006-01", nextMonth},
}

func nextSecond(t time.Time) time.Time { return t.Add(time.Second) }
func nextMinute(t time.Time) time.Time { return t.Add(time.Minute) }

func nextMonth(t time.Time) time.Time { return firstOf(t.Year(), t.Month()+1, t.Location()) }

// firstOf is the beginning of a month.
func firstOf(year int, month time.Month, zone *time.Location) time.Time {
	return midnight(time.Date(year, month, 1, 12, 0, 0, 0, zone), 0)
}

func dated(text string, now time.Time) (Period, bool) {
	for _, f := range forms {
		if t, err := time.ParseInLocation(f.layout, text, now.Location()); err == nil {
			if len(f.layout) <= len(time.DateOnly) { // the middle of a day is always one of its times
				noon, _ := time.ParseInLocation(f.layout+" 15", text+" 12", now.Location())
				t = midnight(noon, 0)
			}
			return Period{t, f.next(t)}, true
		}
	}
	return Period{}, false
}

var ago = regexp.MustCompile(`^(\d{1,6}) ?(s|sec|secs|seconds?|m|min|mins|minutes?|h|hours?|d|days?|w|weeks?|months?|y|years?) ago$`)

// relative reads "3h ago" and "now". Days, weeks, months and years are those of the calendar.
func relative(text string, now time.Time) (Period, bool) {
	if text == "now" {
		return moment(now), true
	}
	m := ago.FindStringSubmatch(text)
	if m == nil {
		if d, err := time.ParseDuration(strings.TrimSuffix(text, " ago")); err == nil && strings.HasSuffix(text, " ago") && d >= 0 {
			return moment(now.Add(-d)), true // 1h30m ago
		}
		return Period{}, false
	}
	n, _ := strconv.Atoi(m[1]) // six digits
	switch unit := m[2]; {
	case strings.HasPrefix(unit, "mo"):
		return moment(now.AddDate(0, -n, 0)), true
	case unit[0] == 's':
		return moment(now.Add(-time.Duration(n) * time.Second)), true
	case unit[0] == 'm':
		return moment(now.Add(-time.Duration(n) * time.Minute)), true
	case unit[0] == 'h':
		return moment(now.Add(-time.Duration(n) * time.Hour)), true
	case unit[0] == 'd':
		return moment(now.AddDate(0, 0, -n)), true
	case unit[0] == 'w':
		return moment(now.AddDate(0, 0, -7*n)), true
	}
	return moment(now.AddDate(-n, 0, 0)), true
}

// named reads "yesterday 15:04", "15:04" and "last month".
func named(text string, now time.Time) (Period, bool) {
	if p, ok := unitOf(text, now); ok {
		return p, true
	}
	word, clock, _ := strings.Cut(text, " ")
	from, ok := dayNamed(word, now)
	if !ok {
		from, clock = midnight(now, 0), text
	}
	if clock == "" {
		return Period{from, midnight(from, 1)}, ok
	}
	return dated(from.Format(time.DateOnly)+" "+clock, now)
}

func dayNamed(word string, now time.Time) (time.Time, bool) {
	switch word {
	case "today":
		return midnight(now, 0), true
	case "yesterday":
		return midnight(now, -1), true
	}
	for back := 1; back <= 7; back++ {
		if t := midnight(now, -back); strings.ToLower(t.Weekday().String()) == word {
			return t, true
		}
	}
	return time.Time{}, false
}

// unitOf reads "this month" and the like. Weeks begin on Monday (ISO 8601).
func unitOf(text string, now time.Time) (Period, bool) {
	which, unit, _ := strings.Cut(text, " ")
	back := map[string]int{"this": 0, "last": -1}
	n, ok := back[which]
	if !ok {
		return Period{}, false
	}
	switch unit {
	case "hour":
		from := now.Add(time.Duration(n)*time.Hour - sinceHour(now))
		return Period{from, from.Add(time.Hour)}, true
	case "day":
		return Period{midnight(now, n), midnight(now, n+1)}, true
	case "week":
		monday := 7*n - (int(now.Weekday())+6)%7
		return Period{midnight(now, monday), midnight(now, monday+7)}, true
	case "month":
		return Period{firstOf(now.Year(), now.Month()+time.Month(n), now.Location()), firstOf(now.Year(), now.Month()+time.Month(n+1), now.Location())}, true
	case "year":
		return Period{firstOf(now.Year()+n, 1, now.Location()), firstOf(now.Year()+n+1, 1, now.Location())}, true
	}
	return Period{}, false
}

// sinceHour is how much of an hour of the clock has passed.
func sinceHour(t time.Time) time.Duration {
	return time.Duration(t.Minute())*time.Minute + time.Duration(t.Second())*time.Second + time.Duration(t.Nanosecond())
}
