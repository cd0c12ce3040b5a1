// Command sender sends gathers or datagrams to a sink for a while, in one of the ways that bench/transmit compares, and
// prints what one round of 64 cost it. With -sink it is the sink.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/completion"
	"github.com/sockeye-net/sockeye/sockex"
)

// round sends everything once.
type round func() error

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "sender:", err)
		os.Exit(1)
	}
}

func run() error {
	addr := flag.String("addr", "127.0.0.1:9000", "where the sink is")
	what := flag.String("what", "gather", "gather, equal or mixed")
	way := flag.String("way", "plain", "today, plain, io_uring or epoll")
	file := flag.String("file", "", "parts of it are gathered")
	seconds := flag.Float64("seconds", 1, "how long")
	isSink := flag.Bool("sink", false, "receive")
	gro := flag.Bool("gro", false, "receive datagrams in runs (UDP_GRO)")
	flag.Parse()
	if *isSink {
		return sink(*addr, *what, *gro)
	}
	j := &job{addr: *addr, what: *what}
	if err := j.open(*file); err != nil {
		return err
	}
	r, err := j.round(*way)
	if err != nil {
		return err
	}
	return measure(r, time.Duration(*seconds*float64(time.Second)))
}

// measure runs rounds, of which the first tenth of the time does not count.
func measure(r round, d time.Duration) error {
	n, warm := 0, true
	start, began := cpu(), time.Now()
	for time.Since(began) < d {
		for range 16 {
			if err := r(); err != nil {
				return err
			}
			n++
		}
		if warm && time.Since(began) > d/10 {
			warm, n, start, began = false, 0, cpu(), time.Now()
		}
	}
	took := time.Since(began)
	fmt.Printf("rate=%.0f cpu_us=%.3f\n", float64(n)/took.Seconds(), float64((cpu()-start).Nanoseconds())/1e3/float64(n))
	return nil
}

// cpu is what the process has used.
func cpu() time.Duration {
	var t unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &t)
	return time.Duration(t.Nano())
}

// job is what is sent.
type job struct {
	addr, what string
	f          *os.File
	conn       net.Conn
	to         netip.AddrPort // of datagrams
	elements   []sockex.Element
}

const (
	blocks    = 64
	blockSize = 256
	partSize  = 4096
	equalSize = 1000
)

func (j *job) open(name string) (err error) {
	memory := make([]byte, 2000)
	for i := range blocks {
		switch j.what {
		case "gather":
			j.elements = append(j.elements, sockex.Memory(memory[:blockSize]))
		case "equal":
			j.elements = append(j.elements, sockex.Memory(memory[:equalSize]).EndOfPacket())
		case "mixed":
			j.elements = append(j.elements, sockex.Memory(memory[:100+i*631%1301]).EndOfPacket())
		}
	}
	if j.what != "gather" {
		if j.to, err = netip.ParseAddrPort(j.addr); err != nil {
			return err
		}
		j.conn, err = net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		return err
	}
	if j.f, err = os.Open(name); err != nil {
		return err
	}
	all := j.elements
	j.elements = nil
	for i, e := range all { // parts that do not follow one another
		j.elements = append(j.elements, e, sockex.FilePart(j.f, int64(i*37%64)*2*partSize, partSize))
	}
	j.conn, err = net.Dial("tcp4", j.addr)
	return err
}

func (j *job) round(way string) (round, error) {
	o := &sockex.PacketOptions{To: j.to}
	switch {
	case way == "today" && j.to.IsValid():
		return j.writeTo, nil
	case way == "today":
		return j.today, nil
	case way == "plain":
		return func() error {
			_, err := sockex.TransmitPackets(context.Background(), j.conn, j.elements, o)
			return err
		}, nil
	}
	b, err := completion.ParseBackend(way)
	if err != nil {
		return nil, err
	}
	return j.onPort(b)
}

// writeTo sends the datagrams one by one.
func (j *job) writeTo() error {
	for _, e := range j.elements {
		if _, err := j.conn.(*net.UDPConn).WriteToUDPAddrPort(e.Buffer, j.to); err != nil {
			return err
		}
	}
	return nil
}

// today is what programs do without: a write for each block and io.Copy for each part.
func (j *job) today() error {
	for _, e := range j.elements {
		if e.File == nil {
			if _, err := j.conn.Write(e.Buffer); err != nil {
				return err
			}
			continue
		}
		if _, err := e.File.Seek(e.Offset, io.SeekStart); err != nil {
			return err
		}
		if _, err := io.Copy(j.conn, io.LimitReader(e.File, e.Length)); err != nil {
			return err
		}
	}
	return nil
}

func (j *job) onPort(b completion.Backend) (round, error) {
	port, err := completion.Open(&completion.Config{Backend: b, Exclusive: true})
	if err != nil {
		return nil, err
	}
	h, err := port.Attach(j.conn.(syscall.Conn))
	if err != nil {
		return nil, err
	}
	x := sockex.NewTransmitPackets(h, j.elements, &sockex.PacketOptions{To: j.to})
	var done [1]*completion.Op
	return func() error {
		if err := port.Submit(x.Op()); err != nil {
			return err
		}
		if _, err := port.Wait(done[:], -1); err != nil {
			return err
		}
		return x.Op().Err
	}, nil
}
