package sockex

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

func TestConditions(t *testing.T) {
	seen := map[string]Condition{}
	for c := ErrReset; c <= ErrShortFile; c++ {
		text := c.Error()
		if text == "" || strings.HasPrefix(text, "condition ") || seen[text] != 0 {
			t.Errorf("condition %d has the text %q", c, text)
		}
		seen[text] = c
		err := wrap("TransmitFile", 3, c)
		if !errors.Is(err, c) || errors.Is(err, c+1) {
			t.Errorf("%v is not found", c)
		}
		for _, same := range conditionTexts[c].same {
			if !errors.Is(err, same) {
				t.Errorf("%v is not %v", c, same)
			}
		}
	}
	for _, c := range []Condition{0, ErrShortFile + 1, 255} {
		if !strings.HasPrefix(c.Error(), "condition ") || errors.Is(c, io.EOF) {
			t.Errorf("condition %d: %v", c, c)
		}
	}
}

// TestNumbers: what means the same has the same condition, and the number stays underneath.
func TestNumbers(t *testing.T) {
	for _, c := range []struct {
		linux, win syscall.Errno
		want       Condition
	}{
		{syscall.ECONNRESET, 10054, ErrReset},
		{syscall.ECONNRESET, 64, ErrReset}, // ERROR_NETNAME_DELETED, from a completion port
		{syscall.ECONNABORTED, 10053, ErrAborted},
		{syscall.ECONNREFUSED, 10061, ErrRefused},
		{syscall.ECONNREFUSED, 1225, ErrRefused},
		{syscall.EHOSTUNREACH, 10065, ErrUnreachable},
		{syscall.ENETUNREACH, 10051, ErrUnreachable},
		{syscall.ETIMEDOUT, 10060, ErrTimeout},
		{syscall.ETIMEDOUT, 121, ErrTimeout}, // ERROR_SEM_TIMEOUT
		{syscall.ENOTCONN, 10057, ErrNotConnected},
		{syscall.EISCONN, 10056, ErrConnected},
		{syscall.EPIPE, 10058, ErrShutdown},
		{syscall.EADDRINUSE, 10048, ErrAddrInUse},
		{syscall.EADDRNOTAVAIL, 10049, ErrAddrNotAvailable},
		{syscall.EAFNOSUPPORT, 10047, ErrAddrFamily},
		{syscall.EMSGSIZE, 10040, ErrMessageSize},
		{syscall.EALREADY, 10037, ErrBusy},
		{syscall.EBADF, 10038, ErrClosed},
	} {
		if got := conditionOf(c.linux, false); got != c.want {
			t.Errorf("%v is %v, want %v", c.linux, got, c.want)
		}
		if got := conditionOf(c.win, true); got != c.want {
			t.Errorf("%d is %v, want %v", c.win, got, c.want)
		}
		err := wrap("ConnectEx", 0, os.NewSyscallError("connect", c.linux))
		var errno syscall.Errno
		if !errors.Is(err, c.want) || !errors.As(err, &errno) || errno != c.linux {
			t.Errorf("%v: %v, number %d", c.linux, err, errno)
		}
	}
	// The same bits mean other things in the other system.
	if c := conditionOf(10061, false); c != 0 {
		t.Errorf("10061 is %v on Linux", c)
	}
	if err := wrap("ConnectEx", 0, syscall.ENOMEM); !errors.Is(err, syscall.ENOMEM) {
		t.Error(err)
	}
}

func TestError(t *testing.T) {
	if err := wrap("TransmitFile", 5, nil); err != nil {
		t.Error(err)
	}
	err := wrap("TransmitFile", 5, syscall.ECONNRESET)
	if s := err.Error(); !strings.HasPrefix(s, "sockex: TransmitFile: the peer has reset the connection (") || !strings.HasSuffix(s, " (after 5 bytes)") {
		t.Error(s)
	}
	again := wrap("TransmitPackets", 3, err)
	var e *Error
	if !errors.As(again, &e) || e.Sent != 5 || e.Op != "TransmitPackets" || strings.Count(again.Error(), "sockex") != 1 {
		t.Error(again)
	}
	for _, c := range []struct {
		err     error
		timeout bool
	}{
		{os.ErrDeadlineExceeded, true},
		{context.DeadlineExceeded, true},
		{context.Canceled, false},
		{syscall.ETIMEDOUT, true},
		{syscall.ECONNRESET, false},
		{ErrIdle, true},
		{&net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}, true},
		{net.ErrClosed, false},
	} {
		err := wrap("AcceptEx", 0, c.err)
		var n net.Error
		if !errors.As(err, &n) || n.Timeout() != c.timeout || !errors.Is(err, c.err) {
			t.Errorf("%v: timeout %v", err, n.Timeout())
		}
	}
	if err := wrap("AcceptEx", 0, &net.OpError{Op: "accept", Err: net.ErrClosed}); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}

func TestFlags(t *testing.T) {
	for _, c := range []struct {
		f    Flags
		text string
		file error // of TransmitFile
		end  error // of DisconnectEx
		pack error // of TransmitPackets
	}{
		{0, "0x0", nil, nil, nil},
		{TF_DISCONNECT, "TF_DISCONNECT", nil, ErrFlags, nil},
		{TF_REUSE_SOCKET, "TF_REUSE_SOCKET", ErrFlags, nil, ErrFlags},
		{TF_DISCONNECT | TF_REUSE_SOCKET, "TF_DISCONNECT|TF_REUSE_SOCKET", nil, ErrFlags, nil},
		{TF_WRITE_BEHIND, "TF_WRITE_BEHIND", nil, ErrFlags, ErrFlags},
		{TF_WRITE_BEHIND | TF_DISCONNECT, "TF_DISCONNECT|TF_WRITE_BEHIND", ErrFlags, ErrFlags, ErrFlags},
		{TF_USE_KERNEL_APC | TF_USE_SYSTEM_THREAD, "TF_USE_SYSTEM_THREAD|TF_USE_KERNEL_APC", nil, ErrFlags, nil},
		{TF_USE_DEFAULT_WORKER, "0x0", nil, nil, nil},
		{0x08, "0x8", ErrFlags, ErrFlags, ErrFlags},
		{TF_DISCONNECT | 0x40, "TF_DISCONNECT|0x40", ErrFlags, ErrFlags, ErrFlags},
		{0x80000000, "0x80000000", ErrFlags, ErrFlags, ErrFlags},
	} {
		if s := c.f.String(); s != c.text {
			t.Errorf("%#x is %q, want %q", uint32(c.f), s, c.text)
		}
		for _, k := range []struct {
			taken Flags
			want  error
		}{{fileFlags, c.file}, {disconnectFlags, c.end}, {packetFlags, c.pack}} {
			if err := c.f.check(k.taken); !errors.Is(err, k.want) {
				t.Errorf("%v of %v: %v, want %v", c.f, k.taken, err, k.want)
			}
		}
	}
}

// TestHeader holds the flags against MinGW's mswsock.h, where it is installed.
func TestHeader(t *testing.T) {
	f, err := os.Open("/usr/x86_64-w64-mingw32/include/mswsock.h")
	if err != nil {
		t.Skip("no mswsock.h of MinGW: ", err)
	}
	defer f.Close()
	line := regexp.MustCompile(`^#define ((?:TF|TP)_\w+) +(\w+)$`)
	header := map[string]Flags{}
	for s := bufio.NewScanner(f); s.Scan(); {
		if m := line.FindStringSubmatch(s.Text()); m != nil {
			if n, err := strconv.ParseUint(m[2], 0, 32); err == nil {
				header[m[1]] = Flags(n)
			} else if v, ok := header[m[2]]; ok {
				header[m[1]] = v
			}
		}
	}
	for name, want := range map[string]Flags{
		"TF_DISCONNECT": TF_DISCONNECT, "TF_REUSE_SOCKET": TF_REUSE_SOCKET, "TF_WRITE_BEHIND": TF_WRITE_BEHIND,
		"TF_USE_DEFAULT_WORKER": TF_USE_DEFAULT_WORKER, "TF_USE_SYSTEM_THREAD": TF_USE_SYSTEM_THREAD, "TF_USE_KERNEL_APC": TF_USE_KERNEL_APC,
		"TP_DISCONNECT": TP_DISCONNECT, "TP_REUSE_SOCKET": TP_REUSE_SOCKET, "TP_USE_DEFAULT_WORKER": TP_USE_DEFAULT_WORKER,
		"TP_USE_SYSTEM_THREAD": TP_USE_SYSTEM_THREAD, "TP_USE_KERNEL_APC": TP_USE_KERNEL_APC,
		"TP_ELEMENT_MEMORY": Flags(TP_ELEMENT_MEMORY), "TP_ELEMENT_FILE": Flags(TP_ELEMENT_FILE), "TP_ELEMENT_EOP": Flags(TP_ELEMENT_EOP),
	} {
		if got, ok := header[name]; !ok || got != want {
			t.Errorf("%s is %#x (%v) in the header, %#x here", name, uint32(got), ok, uint32(want))
		}
	}
}
