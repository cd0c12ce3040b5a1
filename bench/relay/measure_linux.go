package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// result is the medians of one program joining one pair.
type result struct {
	pair, program string
	gbs           float64       // GB/s one way
	cpu           float64       // CPU seconds of the relay for a GB
	trip          time.Duration // p50 of 64 bytes there and back
	tripCPU       time.Duration // CPU time of the relay for one
}

func (c *config) measure(dir, pair string, all []program) ([]result, error) {
	speeds, cpus := make([][]float64, len(all)), make([][]float64, len(all))
	trips, tripCPUs := make([][]time.Duration, len(all)), make([][]time.Duration, len(all))
	for range c.rounds {
		for i, p := range all {
			took, cpu, err := c.turn(dir, pair, p, c.stream)
			if err != nil {
				return nil, fmt.Errorf("%s, %s: %w", p.name, pair, err)
			}
			gb := float64(c.size) / 1e9
			speeds[i], cpus[i] = append(speeds[i], gb/took.Seconds()), append(cpus[i], cpu.Seconds()/gb)
			took, cpu, err = c.turn(dir, pair, p, c.exchange)
			if err != nil {
				return nil, fmt.Errorf("%s, %s: %w", p.name, pair, err)
			}
			trips[i], tripCPUs[i] = append(trips[i], took), append(tripCPUs[i], cpu/time.Duration(max(c.exchanges, 1)))
		}
	}
	var results []result
	for i, p := range all {
		results = append(results, result{pair, p.name, median(speeds[i]), median(cpus[i]), median(trips[i]), median(tripCPUs[i])})
	}
	return results, nil
}

func median[T float64 | time.Duration](list []T) T {
	slices.Sort(list)
	return list[len(list)/2]
}

// conns are both ends of what is relayed.
type conns struct{ client, server net.Conn }

// turn starts a relay, uses it, and waits for its end. took is what use says.
func (c *config) turn(dir, pair string, p program, use func(conns) (time.Duration, error)) (took, cpu time.Duration, err error) {
	from, to, _ := strings.Cut(pair, "-")
	back, err := listen(to, dir)
	if err != nil {
		return 0, 0, err
	}
	defer back.Close()
	front, err := free(from, dir)
	if err != nil {
		return 0, 0, err
	}
	args := p.args(from+"-listen:"+front, to+":"+back.Addr().String())
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return 0, 0, err
	}
	took, err = connected(from, front, back, use)
	if err != nil {
		cmd.Process.Kill()
	}
	if werr := cmd.Wait(); err == nil {
		err = werr
	}
	return took, cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), err
}

func connected(network, addr string, back net.Listener, use func(conns) (time.Duration, error)) (time.Duration, error) {
	client, err := dial(network, addr)
	if err != nil {
		return 0, err
	}
	defer client.Close()
	server, err := back.Accept()
	if err != nil {
		return 0, err
	}
	defer server.Close()
	return use(conns{client, server})
}

func listen(network, dir string) (net.Listener, error) {
	if network == "unix" {
		return net.Listen("unix", filepath.Join(dir, "back"))
	}
	return net.Listen("tcp4", "127.0.0.1:0")
}

// free is an address that nobody has.
func free(network, dir string) (string, error) {
	if network == "unix" {
		path := filepath.Join(dir, "front")
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return "", err
		}
		return path, nil
	}
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// dial waits until the relay listens.
func dial(network, addr string) (c net.Conn, err error) {
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if c, err = net.Dial(network, addr); err == nil {
			return c, nil
		}
		if !errors.Is(err, syscall.ECONNREFUSED) && !errors.Is(err, syscall.ENOENT) {
			return nil, err
		}
	}
	return nil, err
}

type halfCloser interface{ CloseWrite() error }

// stream sends c.size bytes from the client to the server, and times it from the first to the end.
func (c *config) stream(cs conns) (time.Duration, error) {
	sent := make(chan error, 1)
	begin := time.Now()
	go func() {
		buf := make([]byte, 256<<10)
		var err error
		for left := c.size; left > 0 && err == nil; left -= int64(len(buf)) {
			_, err = cs.client.Write(buf[:min(left, int64(len(buf)))])
		}
		cs.client.(halfCloser).CloseWrite()
		sent <- err
	}()
	buf := make([]byte, 256<<10)
	var got int64
	for {
		n, err := cs.server.Read(buf)
		got += int64(n)
		if err == io.EOF {
			break
		}
		if err != nil {
			return 0, err
		}
	}
	took := time.Since(begin)
	if got != c.size {
		return 0, fmt.Errorf("%d bytes arrived, of %d", got, c.size)
	}
	return took, <-sent
}

// exchange returns the median of messages there and back.
func (c *config) exchange(cs conns) (time.Duration, error) {
	go func() {
		buf := make([]byte, 64)
		for {
			if _, err := io.ReadFull(cs.server, buf); err != nil {
				cs.server.(halfCloser).CloseWrite()
				return
			}
			cs.server.Write(buf)
		}
	}()
	buf := make([]byte, 64)
	times := make([]time.Duration, max(c.exchanges, 1))
	for i := range times {
		begin := time.Now()
		if _, err := cs.client.Write(buf); err != nil {
			return 0, err
		}
		if _, err := io.ReadFull(cs.client, buf); err != nil {
			return 0, err
		}
		times[i] = time.Since(begin)
	}
	cs.client.(halfCloser).CloseWrite()
	return median(times), nil
}
