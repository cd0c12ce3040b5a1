package main

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// pulsar makes connections and closes them, and sends on one that stays, as fast as it can: both ends are its own, and
// everything happens in one thread.
type pulsar struct {
	listeners []int // several, so that ports never become rare
	ports     []uint16
	a, b      int // a connection
	buf       [4096]byte
}

// pulse is the role of the one that is slowed down. Told "connect 250ms" or "send 250ms", it works so long and says how
// many nanoseconds one connect+accept+close+close, or one send and receive of a byte, takes: the median of many small
// batches. Told "many N/PACE" it makes N connections with some bytes, from 60,000 addresses, PACE a second
// if it can, and says how long it took.
func pulse([]string) error {
	p := &pulsar{a: -1, b: -1}
	defer p.close()
	if err := p.open(); err != nil {
		return err
	}
	for line := range inputLines() {
		what, much, _ := strings.Cut(line, " ")
		answer, err := p.do(what, much)
		if err != nil {
			return fmt.Errorf("%s: %w", line, err)
		}
		fmt.Println(answer)
	}
	return nil
}

func (p *pulsar) open() error {
	for range 16 {
		fd, port, err := listen(localhost4, 0)
		if err != nil {
			return err
		}
		p.listeners, p.ports = append(p.listeners, fd), append(p.ports, port)
	}
	var err error
	if p.a, p.b, err = p.pair(netip.Addr{}, 0); err != nil {
		return err
	}
	noDelay := func(fd int) error { return unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1) }
	return errors.Join(noDelay(p.a), noDelay(p.b))
}

func (p *pulsar) close() {
	for _, fd := range append(p.listeners, p.a, p.b) {
		unix.Close(fd)
	}
}

func (p *pulsar) do(what, much string) (answer float64, err error) {
	if what == "many" {
		var n, pace int
		if _, err := fmt.Sscanf(much, "%d/%d", &n, &pace); err != nil {
			return 0, err
		}
		return p.many(n, pace)
	}
	d, err := time.ParseDuration(much)
	if err != nil {
		return 0, err
	}
	if what == "connect" {
		return block(d, 20, p.connectClose)
	}
	return block(d, 200, p.sendReceive)
}

// block works for d and returns the nanoseconds that one operation takes: the median of batches.
func block(d time.Duration, batch int, op func(i int) error) (float64, error) {
	var batches []float64
	for start, done := time.Now(), 0; time.Since(start) < d; done += batch {
		began := time.Now()
		for i := range batch {
			if err := op(done + i); err != nil {
				return 0, err
			}
		}
		batches = append(batches, float64(time.Since(began).Nanoseconds())/float64(batch))
	}
	slices.Sort(batches)
	return batches[len(batches)/2], nil
}

func (p *pulsar) pair(from netip.Addr, i int) (a, b int, err error) {
	i %= len(p.listeners)
	if a, err = connect(from, netip.AddrPortFrom(localhost4, p.ports[i])); err != nil {
		return -1, -1, err
	}
	b, _, err = unix.Accept4(p.listeners[i], unix.SOCK_CLOEXEC)
	return a, b, err
}

func (p *pulsar) connectClose(i int) error {
	a, b, err := p.pair(netip.Addr{}, i)
	if err != nil {
		return err
	}
	return errors.Join(unix.Close(a), unix.Close(b))
}

// sendReceive sends to and fro in turn, so that no packet is only an acknowledgement.
func (p *pulsar) sendReceive(i int) error {
	from, to := p.a, p.b
	if i%2 == 1 {
		from, to = p.b, p.a
	}
	if _, err := unix.Write(from, p.buf[:1]); err != nil {
		return err
	}
	_, err := unix.Read(to, p.buf[:])
	return err
}

// many makes n connections, each from the next of 60,000 addresses, and sends 100 bytes on each.
func (p *pulsar) many(n, pace int) (seconds float64, err error) {
	const burst = 50
	start := time.Now()
	for i := range n {
		if i%burst == 0 {
			time.Sleep(time.Until(start.Add(time.Duration(i) * time.Second / time.Duration(pace))))
		}
		from := netip.AddrFrom4([4]byte{127, 2, byte(i / 250 % 240), byte(1 + i%250)})
		a, b, err := p.pair(from, i)
		if err != nil {
			return 0, err
		}
		_, err1 := unix.Write(a, p.buf[:100])
		_, err2 := unix.Read(b, p.buf[:])
		if err := errors.Join(err1, err2, unix.Close(a), unix.Close(b)); err != nil {
			return 0, err
		}
	}
	return time.Since(start).Seconds(), nil
}
