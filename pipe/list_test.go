package pipe_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/sockeye-net/sockeye/internal/testutil"
	"github.com/sockeye-net/sockeye/pipe"
)

func TestList(t *testing.T) {
	testutil.CheckLeaks(t)
	l := listen(t, newName(), &pipe.Config{Type: pipe.Message, MaxInstances: 5, Backlog: 2})
	if _, ok := findListed(t, newName()); ok {
		t.Error("a pipe that nobody has is listed")
	}
	dial(t, l.Addr().String(), nil)
	accept(t, l)
	dial(t, l.Addr().String(), nil)
	p, ok := findListed(t, l.Addr().String())
	if !ok {
		t.Fatal("not listed")
	}
	if pipe.Supported(pipe.FilePaths) { // Linux
		if p.PID != os.Getpid() || p.Type != pipe.Message || !p.TypeKnown || p.User == "" || p.Dead || p.Waiting != 1 || p.Instances != 1 {
			t.Errorf("%+v", p)
		}
	} else if p.Instances < 2 {
		t.Errorf("%+v", p)
	}
	if p.MaxInstances != 5 {
		t.Errorf("%+v", p)
	}
	l.Close()
	if _, ok := findListed(t, l.Addr().String()); ok && pipe.Supported(pipe.FilePaths) {
		t.Error("listed after Close")
	}
}

func findListed(t *testing.T, name string) (pipe.Listed, bool) {
	t.Helper()
	all, err := pipe.List()
	if err != nil && isWine() {
		t.Skip("Wine does not list pipes: ", err)
	}
	if err != nil || errors.Is(err, errors.ErrUnsupported) {
		t.Fatal(err)
	}
	for _, p := range all {
		if strings.EqualFold(p.Name, name) {
			return p, true
		}
	}
	return pipe.Listed{}, false
}
