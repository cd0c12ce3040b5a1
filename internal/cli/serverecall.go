package cli

import (
	"sync"
	"time"

	"github.com/sockeye-net/sockeye/internal/view"
	"github.com/sockeye-net/sockeye/netstat"
)

// recall asks processes for their details, and remembers them for when the process has ended. It may be used by several
// goroutines.
type recall struct {
	ask func(*netstat.Process) (netstat.Details, error)

	mu    sync.Mutex
	known map[farProcess]netstat.Details
}

// maxRecalled bounds how many processes are remembered; beyond it all are forgotten.
const maxRecalled = 20_000

func newRecall(ask func(*netstat.Process) (netstat.Details, error)) *recall {
	return &recall{ask: ask, known: make(map[farProcess]netstat.Details)}
}

// keyOf is what tells a process from others also where it was stored in the meantime, which keeps milliseconds.
func (r *recall) keyOf(p *netstat.Process) farProcess {
	return farProcess{p.PID, p.Name, p.Started.Truncate(time.Millisecond).UTC()}
}

// Details asks the system.
func (r *recall) Details(p *netstat.Process) (netstat.Details, error) {
	d, err := r.ask(p)
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.known) >= maxRecalled {
		clear(r.known)
	}
	r.known[r.keyOf(p)] = d
	return d, err
}

// Known is what was told when the process was asked.
func (r *recall) Known(p *netstat.Process) (netstat.Details, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	d, ok := r.known[r.keyOf(p)]
	return d, ok
}

// sharedNames are names that several goroutines ask, each with a copy of its own.
func sharedNames(n view.Names) view.Names {
	if user := n.UserName; user != nil {
		var mu sync.Mutex
		n.UserName = func(uid uint32) string {
			mu.Lock()
			defer mu.Unlock()
			return user(uid)
		}
	}
	return n
}
