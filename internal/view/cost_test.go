package view

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/netstat"
)

// TestPatternBudget: a short filter can mean a pattern of a million steps, which every row would take. What a person writes is
// far below the bound.
func TestPatternBudget(t *testing.T) {
	for expr, fits := range map[string]bool{
		`process ~ ^(nginx|httpd|caddy)[0-9]{1,3}$`:                         true,
		`process ~ "\\w{1,64}" or unit ~ "^[a-z]+@[^.]*\\.(service|scope)"`: true,
		`user ~ x{1000}`: true,
		`user ~ "` + strings.Repeat("(.?){1000}", 10) + `"`:           false,
		`user ~ "` + strings.Repeat("(.?){1000}", 400) + `"`:          false,
		strings.Repeat(`user !~ "(.?){1000}" or `, 9) + `user ~ a`:    false, // together
		`user ~ "` + strings.Repeat("(((x{10}){10}){10}|)", 11) + `"`: false,
	} {
		began := time.Now()
		_, err := ParseFilter(expr, nil)
		var syntax *SyntaxError
		if (err == nil) != fits || err != nil && (!errors.As(err, &syntax) || !strings.Contains(err.Error(), "pattern")) {
			t.Errorf("%.60s: %v", expr, err)
		}
		if d := time.Since(began); d > 3*time.Second {
			t.Errorf("%.60s takes %v", expr, d)
		}
	}
}

// TestPatternCost: a table of many rows with few names costs few matches, even of the largest pattern.
func TestPatternCost(t *testing.T) {
	names := &Names{UserName: func(uid uint32) string { return fmt.Sprintf("user-%d-of-the-machine", uid) }}
	f, err := ParseFilter(`user ~ "`+strings.Repeat("(.?){450}", 2)+`$"`, names)
	if err != nil {
		t.Fatal(err)
	}
	began, found := time.Now(), 0
	for i := range 20000 {
		if f.Match(&netstat.Socket{HasUID: true, UID: uint32(i % 30)}) {
			found++
		}
	}
	if d := time.Since(began); found != 20000 || d > 10*time.Second { // without remembering it is minutes
		t.Errorf("%d rows found in %v", found, d)
	}
}

// TestPatternRemembered: what was remembered of a pattern is of the text, and not of the memory that the text was in.
func TestPatternRemembered(t *testing.T) {
	test := testText(&compareNode{op: opMatch, text: "^a"})
	for i := range 3 * maxRemembered {
		if yes, no := fmt.Sprint("a", i), fmt.Sprint("b", i); !test(yes) || test(no) || !test(yes) {
			t.Fatal(i)
		}
	}
}

// TestOrderTwice: a column that stands in an order twice decides nothing the second time, and costs nothing.
func TestOrderTwice(t *testing.T) {
	o, _, err := ParseOrder(strings.Repeat("user,-user,sport,local_port,", 200)+"-user", nil)
	if err != nil || len(o.keys) != 2 || o.keys[0].down {
		t.Errorf("%v: %d keys", err, len(o.keys))
	}
}
