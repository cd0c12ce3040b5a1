package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/sockeye-net/sockeye/internal/testutil"
	"github.com/sockeye-net/sockeye/sockex"
)

// answers are how long it took until the server's answer was there, in milliseconds.
type answers struct {
	Plain    float64 `json:"plain_ms"`
	FastOpen float64 `json:"fast_open_ms"`
	Trip     float64 `json:"round_trip_ms"`
}

// fastOpen measures in a network namespace of its own.
func fastOpen(o *options) (*answers, []string) {
	self, err := os.Executable()
	if err != nil {
		return nil, []string{"fast open: " + err.Error()}
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), roleEnv+"=fastopen "+(o.delay/2).String())
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Cloneflags: syscall.CLONE_NEWNET}
	out, err := cmd.CombinedOutput()
	a := &answers{Trip: milliseconds(o.delay)}
	if err == nil {
		err = json.Unmarshal(out, a)
	}
	if err != nil {
		return nil, []string{fmt.Sprintf("fast open: %v %s", err, strings.TrimSpace(string(out)))}
	}
	return a, nil
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// linkRole is the child that does it.
func linkRole(trip string) error {
	delay, err := time.ParseDuration(trip)
	if err != nil {
		return err
	}
	if err := os.WriteFile("/proc/sys/net/ipv4/tcp_fastopen", []byte("3"), 0o644); err != nil {
		return err
	}
	w, err := testutil.OpenWire(delay)
	if err != nil {
		return err
	}
	defer w.Close()
	l, err := net.Listen("tcp4", testutil.WireHost+":0")
	if err != nil {
		return err
	}
	if err := sockex.AllowFastOpen(l.(*net.TCPListener), 16); err != nil {
		return err
	}
	go serveNet(l)
	to := netip.AddrPortFrom(netip.MustParseAddr(testutil.WirePeer), l.Addr().(*net.TCPAddr).AddrPort().Port())
	var a answers
	for _, c := range []struct {
		into *float64
		o    *sockex.ConnectOptions
	}{{&a.Plain, nil}, {&a.FastOpen, &sockex.ConnectOptions{FastOpen: true}}} {
		var all []float64
		for i := range 12 {
			d, err := exchangeBy(to, c.o)
			if err != nil {
				return err
			}
			if i > 0 { // the first asks for a cookie
				all = append(all, milliseconds(d))
			}
		}
		*c.into = median(all)
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]float64{"plain_ms": a.Plain, "fast_open_ms": a.FastOpen})
}

func exchangeBy(to netip.AddrPort, o *sockex.ConnectOptions) (time.Duration, error) {
	start := time.Now()
	c, _, err := sockex.ConnectEx(context.Background(), nil, to, make([]byte, blockSize), o)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	_, err = c.Read(make([]byte, blockSize))
	return time.Since(start), err
}
