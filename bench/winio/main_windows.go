// Winio measures the package pipe beside go-winio, in one run on Windows, or under Wine:
//
//	cd bench/winio && GOOS=windows go build -o winio.exe . && ../../scripts/wine winio.exe
//
// Server and client are two processes. The subjects take turns. See bench/README.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"time"

	winio "github.com/Microsoft/go-winio"
	"golang.org/x/sys/windows"

	"github.com/sockeye-net/sockeye/pipe"
)

// subject is a way to connect two processes.
type subject struct {
	name   string
	listen func(name string) (net.Listener, error)
	dial   func(name string) (net.Conn, error)
}

const buffer = 64 << 10

func of(m pipe.Mode) subject {
	return subject{"pipe, " + m.String(), func(name string) (net.Listener, error) {
		return pipe.Listen(name, &pipe.Config{Type: m, InBuffer: buffer, OutBuffer: buffer})
	}, func(name string) (net.Conn, error) {
		return pipe.Dial(context.Background(), name, nil)
	}}
}

func ofWinio(m pipe.Mode) subject {
	return subject{"go-winio, " + m.String(), func(name string) (net.Listener, error) {
		return winio.ListenPipe(name, &winio.PipeConfig{MessageMode: m == pipe.Message, InputBufferSize: buffer, OutputBufferSize: buffer})
	}, dialWinio}
}

// dialWinio connects twice under Wine, and leaves the first: go-winio's first instance is one that Windows lets nobody
// connect to, and Wine does.
func dialWinio(name string) (net.Conn, error) {
	if windows.NewLazySystemDLL("ntdll.dll").NewProc("wine_get_version").Find() == nil {
		if _, err := winio.DialPipeContext(context.Background(), name); err != nil {
			return nil, err
		}
	}
	return winio.DialPipeContext(context.Background(), name)
}

var subjects = []subject{of(pipe.Byte), ofWinio(pipe.Byte), of(pipe.Message), ofWinio(pipe.Message)}

var sizes = []int{64, 4 << 10, 64 << 10, 1 << 20}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "child" {
		if err := child(os.Args[2:]); err != nil && !errors.Is(err, io.EOF) {
			log.Fatal("winio: child: ", err)
		}
		return
	}
	rounds := flag.Int("rounds", 7, "turns of each subject; the median counts")
	length := flag.Duration("length", 300*time.Millisecond, "time of one turn")
	flag.Parse()
	if err := run(*rounds, *length); err != nil {
		log.Fatal("winio: ", err)
	}
}

func run(rounds int, length time.Duration) error {
	results := make([][][]float64, len(subjects)) // by subject, and size: 0 is the round trip in µs, the others GB/s
	for i := range results {
		results[i] = make([][]float64, 1+len(sizes))
	}
	for range rounds {
		for i, s := range subjects {
			for j := range 1 + len(sizes) {
				v, err := turn(i, s, j, length)
				if err != nil {
					return fmt.Errorf("%s: %w", s.name, err)
				}
				results[i][j] = append(results[i][j], v)
			}
		}
	}
	fmt.Printf("%s, %s/%s, medians of %d rounds\n\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, rounds)
	if b, ok := debug.ReadBuildInfo(); ok {
		for _, d := range b.Deps {
			if d.Path == "github.com/Microsoft/go-winio" {
				fmt.Printf("go-winio %s\n\n", d.Version)
			}
		}
	}
	fmt.Println("| | round trip of 64 bytes, µs | one way, GB/s: 64 B | 4 KiB | 64 KiB | 1 MiB |\n|---|--:|--:|--:|--:|--:|")
	for i, s := range subjects {
		fmt.Printf("| %s | %.1f", s.name, median(results[i][0]))
		for j := range sizes {
			fmt.Printf(" | %.3f", median(results[i][j+1]))
		}
		fmt.Println(" |")
	}
	return nil
}

func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}

func turn(i int, s subject, j int, length time.Duration) (float64, error) {
	name := fmt.Sprintf(`\\.\pipe\bench %d %d`, os.Getpid(), time.Now().UnixNano())
	what, size := "echo", 64
	if j > 0 {
		what, size = "sink", sizes[j-1]
	}
	cmd := exec.Command(os.Args[0], "child", strconv.Itoa(i), name, what, strconv.Itoa(size))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return 0, err
	}
	defer cmd.Wait()
	if _, err := fmt.Fscanln(out, new(string)); err != nil {
		return 0, err
	}
	c, err := s.dial(name)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	if j == 0 {
		return roundTrips(c, length)
	}
	return throughput(c, size, length)
}

func roundTrips(c net.Conn, length time.Duration) (float64, error) {
	b := make([]byte, 64)
	var times []time.Duration
	for begun := time.Now(); time.Since(begun) < length; {
		t := time.Now()
		if _, err := c.Write(b); err != nil {
			return 0, err
		}
		if _, err := io.ReadFull(c, b); err != nil {
			return 0, err
		}
		times = append(times, time.Since(t))
	}
	slices.Sort(times)
	return float64(times[len(times)/2]) / 1e3, nil
}

// throughput ends with a byte that says so, because these pipes have no half-close in common, and waits for another.
func throughput(c net.Conn, size int, length time.Duration) (float64, error) {
	b := make([]byte, size)
	sent := 0
	begun := time.Now()
	for ; time.Since(begun) < length; sent += size {
		if _, err := c.Write(b); err != nil {
			return 0, err
		}
	}
	b[size-1] = 1
	if _, err := c.Write(b); err != nil {
		return 0, err
	}
	if _, err := c.Read(b[:1]); err != nil {
		return 0, err
	}
	return float64(sent+size) / time.Since(begun).Seconds() / 1e9, nil
}

// child is the server of one connection: SUBJECT NAME echo|sink SIZE.
func child(args []string) error {
	i, _ := strconv.Atoi(args[0])
	size, _ := strconv.Atoi(args[3])
	l, err := subjects[i].listen(args[1])
	if err != nil {
		return err
	}
	defer l.Close()
	fmt.Println("ready")
	c, err := l.Accept()
	if err != nil {
		return err
	}
	defer c.Close()
	b := make([]byte, size)
	for {
		n, err := c.Read(b)
		if err != nil {
			return err
		}
		if args[2] == "echo" {
			_, err = c.Write(b[:n])
		} else if b[n-1] == 1 {
			_, err = c.Write(b[:1])
		}
		if err != nil {
			return err
		}
	}
}
