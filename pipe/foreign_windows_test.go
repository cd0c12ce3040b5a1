package pipe_test

import (
	"errors"
	"testing"

	"golang.org/x/sys/windows"

	"github.com/sockeye-net/sockeye/internal/testutil"
	"github.com/sockeye-net/sockeye/pipe"
)

// test_CreateNamedPipe_instances_must_match: another server's instances have the direction of those that there are, and as
// many of them at most; the buffers may differ.
func TestInstancesMustMatch(t *testing.T) {
	testutil.CheckLeaks(t)
	for _, c := range []struct {
		first, second pipe.Config
		want          error
	}{
		{pipe.Config{MaxInstances: 2, Backlog: 1}, pipe.Config{MaxInstances: 2, Backlog: 1}, nil},
		{pipe.Config{MaxInstances: 1}, pipe.Config{MaxInstances: 1}, pipe.ErrBusy},
		{pipe.Config{MaxInstances: 2, Backlog: 1}, pipe.Config{MaxInstances: 2, Backlog: 1, Direction: pipe.Inbound}, pipe.ErrAccessDenied},
		{pipe.Config{MaxInstances: 4, Backlog: 1, InBuffer: 1024}, pipe.Config{MaxInstances: 4, Backlog: 1, InBuffer: 24, OutBuffer: 102}, nil},
	} {
		l := listen(t, newName(), &c.first)
		m, err := pipe.Listen(l.Addr().String(), &c.second)
		if !errors.Is(err, c.want) {
			t.Errorf("%+v beside %+v: %v", c.second, c.first, err)
		}
		if err == nil {
			m.Close()
		}
		l.Close()
	}
}

// test_GetNamedPipeInfo, test_NamedPipeHandleState: the sizes are those that were asked for.
func TestInfoSizes(t *testing.T) {
	testutil.CheckLeaks(t)
	for _, size := range []int{1024, 0xf000} {
		l := listen(t, newName(), &pipe.Config{Type: pipe.Message, MaxInstances: 3, Backlog: 1, InBuffer: size, OutBuffer: size + 1})
		c := dial(t, l.Addr().String(), &pipe.DialConfig{ReadMode: pipe.Message})
		s := accept(t, l)
		i, err := s.Info()
		if want := (pipe.Info{Type: pipe.Message, Server: true, InBuffer: size, OutBuffer: size + 1, MaxInstances: 3, Instances: i.Instances}); i != want || err != nil {
			t.Errorf("the server: %+v %v, want %+v", i, err, want)
		}
		if i.Instances < 1 || i.Instances > 3 {
			t.Errorf("%d instances", i.Instances)
		}
		if i, err := c.Info(); i.Type != pipe.Message || i.ReadMode != pipe.Message || i.Server || i.MaxInstances != 3 || err != nil {
			t.Errorf("the client: %+v %v", i, err)
		}
	}
}

// go-winio TestDialAccessDeniedWithRestrictedSD.
func TestRestrictedAccess(t *testing.T) {
	if isWine() {
		t.Skip("Wine does not enforce access lists")
	}
	l := listen(t, newName(), &pipe.Config{Access: pipe.Access{SDDL: "D:P(A;;0x1200FF;;;WD)"}})
	_, err := pipe.Dial(background, l.Addr().String(), nil)
	if !errors.Is(err, pipe.ErrAccessDenied) || !errors.Is(err, windows.ERROR_ACCESS_DENIED) {
		t.Error(err)
	}
}
