package sockiter

import (
	"errors"
	"fmt"
	"net"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/internal/bpf"
)

func needBPF(tb testing.TB, err error) {
	tb.Helper()
	var v *bpf.VerifierError
	if errors.As(err, &v) && v.Log != "" {
		tb.Fatalf("%v\n%s", err, v.Log)
	}
	if errors.Is(err, unix.EPERM) || errors.Is(err, errors.ErrUnsupported) || errors.Is(err, os.ErrNotExist) {
		tb.Skipf("BPF is not to be had: %v", err)
	}
	if err != nil {
		tb.Fatal(err)
	}
}

func TestWalkerFindsOwnListener(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	w, err := NewWalker(64)
	needBPF(t, err)
	defer w.Close()
	r, err := w.Run(&Want{})
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range r.Holders {
		for _, rec := range r.Records[h.First:h.Last] {
			fmt.Printf("%d %s %+v\n", h.PID, h.Name(), rec)
		}
	}
}

func TestFilesFindsOwnListener(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	w, err := NewFiles()
	needBPF(t, err)
	defer w.Close()
	r, err := w.Run(&Want{})
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range r.Holders {
		for _, rec := range r.Records[h.First:h.Last] {
			fmt.Printf("%d %s %+v\n", h.PID, h.Name(), rec)
		}
	}
}
