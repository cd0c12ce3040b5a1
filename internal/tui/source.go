package tui

import (
	"context"
	"net/netip"
	"time"

	"github.com/sockeye-net/sockeye/ifstat"
	"github.com/sockeye-net/sockeye/internal/view"
	"github.com/sockeye-net/sockeye/netstat"
	"github.com/sockeye-net/sockeye/watch"
)

// Watcher is what the screen needs of a *watch.Watcher.
type Watcher interface {
	Next(context.Context) (*watch.Report, error)
	Partial() []error
	Source() watch.Source
	Usage(watch.By, []watch.Usage) []watch.Usage
	Flows(func(*watch.Flow) bool)
	Interval() time.Duration
	Close() error
}

// Interfaces is what the screen needs of an *ifstat.Table.
type Interfaces interface {
	Read(*ifstat.Snapshot) error
}

// Actions end what a row shows. Their errors say why that could not be: denied, gone, unsupported, refused.
type Actions interface {
	// CloseConnection closes one connection, and no other that has its addresses by then.
	CloseConnection(context.Context, *netstat.Socket) error
	// Hold takes hold of a process before anybody is asked whether it is to end, so that another process that is given its id
	// later is never hit. It may refuse.
	Hold(*netstat.Process) (Held, error)
}

// Held is a process that is held on to.
type Held interface {
	// End ends it: kill at once, else asks first and ends it a little later. It says what came of it.
	End(ctx context.Context, kill bool) (outcome string, _ error)
	Close() error
}

// Options say what is shown, and where it comes from.
type Options struct {
	Open  func(context.Context) (Watcher, error) // called once, in the background
	First func() (*netstat.Snapshot, error)      // a quick reading, shown until the watcher is open, without cookies at will; nil is none
	Links Interfaces                             // nil shows none

	Names   *view.Names
	Places  func() (refreshed error)                                 // called at each reading, so that replaced databases are taken up; may be nil
	Check   func(view.Needs) error                                   // why a filter cannot be answered; may be nil
	Details func(*netstat.Process) (netstat.Details, error)          // for any goroutine
	Reverse func(context.Context, netip.Addr) (name string, _ error) // for any goroutine; nil looks nothing up
	Actions Actions                                                  // nil: nothing can be closed or ended
	Now     func() time.Time
	Host    string

	View    Kind
	Filter  *view.Filter
	Text    string // the filter as it was typed
	Columns string // of the view, with commas between them; empty is the usual ones
	Sort    string // a column of the view, -NAME for downwards; empty is the usual one
	Unit    view.Unit
	Theme   Theme
	ASCII   bool
	Mouse   bool

	Width, Height int // of the screen at first, in cells
}

// Kind is one of the views.
type Kind int

// The views, in the order of their keys.
const (
	Connections Kind = iota
	Processes
	Listeners
	Hosts
	Links
	kinds
)

var kindNames = [kinds]string{"connections", "processes", "listeners", "hosts", "interfaces"}

func (k Kind) String() string { return kindNames[k] }

// Kinds are the names of the views.
func Kinds() []string { return kindNames[:] }

// KindByName finds a view by its name, of which the beginning is enough.
func KindByName(name string) (Kind, bool) {
	for k, full := range kindNames {
		if name != "" && len(name) <= len(full) && full[:len(name)] == name {
			return Kind(k), true
		}
	}
	return 0, false
}
