package main

import (
	"bufio"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// lifetimes are how long the connections live that come and go, in turn. A reading a second finds half of those that live
// half a second, and hardly any of the shorter ones.
var lifetimes = [4]time.Duration{5 * time.Millisecond, 50 * time.Millisecond, 500 * time.Millisecond, 2 * time.Second}

// client opens connections and closes them when they have lived long enough.
type client struct {
	to   netip.AddrPort
	open [len(lifetimes)][]living // in the order in which they end
	buf  [4096]byte
}

type living struct {
	fd  int
	end time.Time
}

// churn is the role of the client. Told "go RATE", it opens so many connections a second and closes as many; at "pause" it
// closes all and says how many there were.
func churn(args []string) error {
	port, err := numbers(args)
	if err != nil {
		return err
	}
	if err := raiseFiles(10000); err != nil {
		return err
	}
	c := &client{to: netip.AddrPortFrom(localhost4, uint16(port[0]))}
	lines := inputLines()
	for line := range lines {
		var rate int
		if _, err := fmt.Sscanf(line, "go %d", &rate); err != nil {
			return fmt.Errorf("%q: %w", line, err)
		}
		fmt.Println("gone")
		made, err := c.run(rate, lines)
		if err != nil {
			return err
		}
		fmt.Println(made)
	}
	return nil
}

func inputLines() <-chan string {
	lines := make(chan string)
	go func() {
		defer close(lines)
		for in := bufio.NewScanner(os.Stdin); in.Scan(); {
			lines <- strings.TrimSpace(in.Text())
		}
	}()
	return lines
}

// run opens and closes until a line comes. What was late is made up for, so that the rate is exact.
func (c *client) run(rate int, stop <-chan string) (made int, err error) {
	defer c.closeUntil(time.Now().Add(time.Hour))
	start := time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ; ; made++ {
		timer.Reset(time.Until(start.Add(time.Duration(made) * time.Second / time.Duration(rate))))
		select {
		case <-stop:
			return made, nil
		case <-timer.C:
		}
		now := time.Now()
		c.closeUntil(now)
		if err := c.begin(made%len(lifetimes), now); err != nil {
			return made, err
		}
	}
}

// begin opens a connection and sends a request.
func (c *client) begin(class int, now time.Time) error {
	fd, err := connect(netip.Addr{}, c.to)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	c.open[class] = append(c.open[class], living{fd, now.Add(lifetimes[class])})
	if _, err = unix.Write(fd, c.buf[:100]); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}

// closeUntil closes what has lived long enough. The answer is read before, because closing would reset the connection else.
func (c *client) closeUntil(now time.Time) {
	for i := range c.open {
		n := 0
		for ; n < len(c.open[i]) && !c.open[i][n].end.After(now); n++ {
			fd := c.open[i][n].fd
			unix.Recvfrom(fd, c.buf[:], unix.MSG_DONTWAIT)
			unix.Close(fd)
		}
		c.open[i] = append(c.open[i][:0], c.open[i][n:]...)
	}
}
