package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// load is what is watched: processes that hold connections, a client that opens and closes them with the server that it
// talks to, and idle processes besides.
type load struct {
	idle    idlers
	holders []*child
	server  *child
	client  *child
	went    time.Time
}

func startLoad(o options) (l *load, err error) {
	l = &load{}
	start := time.Now()
	if l.idle, err = startIdlers(o.idle); err != nil {
		return l, err
	}
	if err := l.startHolders(o); err != nil {
		return l, err
	}
	fmt.Fprintf(os.Stderr, "%d connections in %v\n", o.connections, time.Since(start).Round(time.Millisecond))
	return l, l.startChurn()
}

// startHolders makes the connections: holder i connects to the listeners of holder i+1.
func (l *load) startHolders(o options) error {
	for i := range o.holders {
		before := (i + o.holders - 1) % o.holders
		c, err := startRole("hold", share(o.connections, o.holders, i), share(o.connections, o.holders, before), share(o.sends, o.holders, i))
		if err != nil {
			return err
		}
		l.holders = append(l.holders, c)
	}
	ports, err := readLines(l.holders)
	if err != nil {
		return err
	}
	for i, c := range l.holders {
		fmt.Fprintln(c.in, ports[(i+1)%len(ports)])
	}
	_, err = readLines(l.holders)
	return err
}

func (l *load) startChurn() (err error) {
	if l.server, err = startRole("serve"); err != nil {
		return err
	}
	port, err := l.server.line()
	if err != nil {
		return err
	}
	l.client, err = startRole("churn", port)
	return err
}

// share is holder i's part of n.
func share(n, holders, i int) int {
	s := n / holders
	if i < n%holders {
		s++
	}
	return s
}

// readLines reads one line of each child.
func readLines(all []*child) (lines []string, err error) {
	for _, c := range all {
		s, err := c.line()
		if err != nil {
			return nil, err
		}
		lines = append(lines, s)
	}
	return lines, nil
}

// churn opens and closes so many connections each second, until calm.
func (l *load) churn(rate int) error {
	l.went = time.Now()
	_, err := l.client.ask("go", rate)
	return err
}

// calm stops that, closes what is open, and says how many connections there were, and how many in a second.
func (l *load) calm() (made int, perSecond float64, err error) {
	s, err := l.client.ask("pause")
	if err != nil {
		return 0, 0, err
	}
	made, err = strconv.Atoi(s)
	return made, float64(made) / time.Since(l.went).Seconds(), err
}

// end ends all processes. It may be called again. It says how many sends there were in a second.
func (l *load) end() (sends float64, err error) {
	var errs []error
	for _, c := range []*child{l.client, l.server} {
		if c != nil {
			_, err := c.end()
			errs = append(errs, err)
		}
	}
	for _, c := range l.holders {
		last, err := c.end()
		f, _ := strconv.ParseFloat(strings.TrimSpace(last), 64)
		errs = append(errs, err)
		sends += f
	}
	l.idle.end()
	*l = load{}
	return sends, errors.Join(errs...)
}
