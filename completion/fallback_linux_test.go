package completion

import (
	"errors"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/internal/testutil"
)

// TestRefused runs where a filter refuses io_uring, as a container's does: epoll takes its place, and the suite's echo runs.
func TestRefused(t *testing.T) {
	if !testutil.Isolated(t, testutil.Child{Env: []string{EnvBackend + "="}}) {
		return
	}
	testutil.Refuse(t, unix.SYS_IO_URING_SETUP, -1)
	p, err := Open(nil)
	if err != nil {
		t.Fatal(err)
	}
	if p.Backend() != Epoll {
		t.Errorf("the backend is %v", p.Backend())
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if _, err = Open(&Config{Backend: IOUring}); !errors.Is(err, errors.ErrUnsupported) || !errors.Is(err, syscall.EPERM) {
		t.Errorf("io_uring by name: %v", err)
	}
	serveOne(t, Options{Workers: 2}, echo, func(s *serving) {
		if err := converse(s.dial(), 3); err != nil {
			t.Error(err)
		}
	})
}

func TestChoice(t *testing.T) {
	for _, c := range []struct {
		env  string
		ask  Backend
		want Backend
		bad  bool
	}{
		{"", Auto, IOUring, false},
		{"auto", Auto, IOUring, false},
		{"epoll", Auto, Epoll, false},
		{"io_uring", Auto, IOUring, false},
		{"epoll", IOUring, IOUring, false},
		{"iocp", Auto, 0, true},
		{"kqueue", Auto, 0, true},
		{"", IOCP, 0, true},
	} {
		t.Setenv(EnvBackend, c.env)
		p, err := Open(&Config{Backend: c.ask})
		if c.bad {
			if err == nil {
				t.Errorf("%q, %v: opened", c.env, c.ask)
				_ = p.Close()
			}
			continue
		}
		if errors.Is(err, errors.ErrUnsupported) {
			testutil.Lack(t, err.Error())
		}
		if err != nil {
			t.Fatal(err)
		}
		if p.Backend() != c.want {
			t.Errorf("%q, %v: %v", c.env, c.ask, p.Backend())
		}
		_ = p.Close()
	}
}
