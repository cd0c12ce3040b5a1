package history

import (
	"strings"
	"testing"
	"time"
)

func TestPeriods(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skip("no time zones here: ", err)
	}
	now := time.Date(2026, 3, 30, 10, 30, 15, 0, zone) // a Monday; the day before had 23 hours
	for _, c := range []struct{ text, from, to string }{
		{"2026-03-29T01:00:00Z", "2026-03-29T03:00:00+02:00", "2026-03-29T03:00:01+02:00"},
		{"2026-03-28 15:04", "2026-03-28T15:04:00+01:00", "2026-03-28T15:05:00+01:00"},
		{"2026-03-28T15:04:05", "2026-03-28T15:04:05+01:00", "2026-03-28T15:04:06+01:00"},
		{"yesterday", "2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00"},
		{" Yesterday  15:00 ", "2026-03-29T15:00:00+02:00", "2026-03-29T15:01:00+02:00"},
		{"today", "2026-03-30T00:00:00+02:00", "2026-03-31T00:00:00+02:00"},
		{"9:05", "2026-03-30T09:05:00+02:00", "2026-03-30T09:06:00+02:00"},
		{"monday", "2026-03-23T00:00:00+01:00", "2026-03-24T00:00:00+01:00"},
		{"sunday 12:00:30", "2026-03-29T12:00:30+02:00", "2026-03-29T12:00:31+02:00"},
		{"3h ago", "2026-03-30T07:30:15+02:00", "2026-03-30T07:30:15+02:00"},
		{"1h30m ago", "2026-03-30T09:00:15+02:00", "2026-03-30T09:00:15+02:00"},
		{"2 days ago", "2026-03-28T10:30:15+01:00", "2026-03-28T10:30:15+01:00"},
		{"90 minutes ago", "2026-03-30T09:00:15+02:00", "2026-03-30T09:00:15+02:00"},
		{"1 month ago", "2026-03-02T10:30:15+01:00", "2026-03-02T10:30:15+01:00"},
		{"now", "2026-03-30T10:30:15+02:00", "2026-03-30T10:30:15+02:00"},
		{"this month", "2026-03-01T00:00:00+01:00", "2026-04-01T00:00:00+02:00"},
		{"last month", "2026-02-01T00:00:00+01:00", "2026-03-01T00:00:00+01:00"},
		{"2026-02", "2026-02-01T00:00:00+01:00", "2026-03-01T00:00:00+01:00"},
		{"this week", "2026-03-30T00:00:00+02:00", "2026-04-06T00:00:00+02:00"},
		{"last week", "2026-03-23T00:00:00+01:00", "2026-03-30T00:00:00+02:00"},
		{"last hour", "2026-03-30T09:00:00+02:00", "2026-03-30T10:00:00+02:00"},
		{"this year", "2026-01-01T00:00:00+01:00", "2027-01-01T00:00:00+01:00"},
	} {
		p, err := ParsePeriod(c.text, now)
		if err != nil || p.From.Format(time.RFC3339) != c.from || p.To.Format(time.RFC3339) != c.to {
			t.Errorf("%q: %v to %v, %v", c.text, p.From.Format(time.RFC3339), p.To.Format(time.RFC3339), err)
		}
		if err == nil && !p.To.After(p.From) {
			t.Errorf("%q is no time", c.text)
		}
	}
	for _, text := range []string{"", "tomorrow", "25:00", "yesterday 24:00", "-3h ago", "ago", "3 parsecs ago", "2026-13-01", "last", "this", "9999999h ago"} {
		if p, err := ParsePeriod(text, now); err == nil || !strings.Contains(err.Error(), `"`+text+`"`) {
			t.Errorf("%q: %v, %v", text, p, err)
		}
	}
}

func FuzzPeriod(f *testing.F) {
	f.Add("yesterday 15:00")
	f.Add("3h ago")
	f.Fuzz(func(t *testing.T, text string) {
		if p, err := ParsePeriod(text, noon); err == nil && !p.To.After(p.From) {
			t.Errorf("%q: %v", text, p)
		}
	})
}

// TestDaysMeet: whatever clocks do at midnight, a day begins where the one before it ends, and is itself.
func TestDaysMeet(t *testing.T) {
	for _, name := range []string{"Asia/Beirut", "America/Havana", "America/Santiago", "Africa/Cairo", "Australia/Lord_Howe", "Europe/Berlin", "Asia/Kathmandu", "UTC"} {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Skip("no time zones here: ", err)
		}
		for now := time.Date(2026, 1, 1, 13, 45, 0, 0, zone); now.Year() == 2026; now = now.AddDate(0, 0, 1) {
			periods := make(map[string]Period)
			for _, text := range []string{"today", "yesterday", "this week", "last week", "this month", "last month", now.Format(time.DateOnly), now.Format("2006-01"), "this hour", "last hour"} {
				p, err := ParsePeriod(text, now)
				if err != nil {
					t.Fatal(err)
				}
				periods[text] = p
			}
			today := periods["today"]
			if today != periods[now.Format(time.DateOnly)] || periods["this month"] != periods[now.Format("2006-01")] {
				t.Fatalf("%v: %v, %v", now, periods, name)
			}
			if !periods["yesterday"].To.Equal(today.From) || !periods["last week"].To.Equal(periods["this week"].From) || !periods["last month"].To.Equal(periods["this month"].From) || !periods["last hour"].To.Equal(periods["this hour"].From) {
				t.Fatalf("%v: they do not meet: %v, %v", now, periods, name)
			}
			if today.From.Day() != now.Day() || today.To.Add(-1).Day() != now.Day() || today.From.Add(-1).Day() == now.Day() || today.To.Day() == now.Day() {
				t.Fatalf("%v: today is %v, %v", now, today, name)
			}
			if grain, _, _ := wholeTime(today.From, today.To, now.AddDate(0, 0, 5)); grain != byDay && !(grain == byMonth && now.Day() == 1) {
				t.Fatalf("%v: %v is no whole day", now, today)
			}
		}
	}
}
