package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/sockeye-net/sockeye/internal/act"
	"github.com/sockeye-net/sockeye/netstat"
)

// killRequest names a process.
type killRequest struct {
	PID     int       `json:"pid"`
	Started time.Time `json:"started"`
	Signal  string    `json:"signal"`
}

func (q *killRequest) check() error {
	if q.PID <= 0 || q.Started.IsZero() {
		return errors.New("kill takes pid and started, as the owner of a row or a row of processes has them")
	}
	_, err := signalFlag(q.Signal)
	return asParameter(err)
}

// killed is what became of it.
type killed struct {
	PID    int    `json:"pid"`
	Name   string `json:"name,omitempty"`
	Result string `json:"result"`
	Error  string `json:"error,omitempty"`
}

var errNoOwner = errors.New("no process with this id and start owns a socket or is in the table of processes")

// killProcess ends one process, held before it is signalled, as the command kill does.
func (r *serveRun) killProcess(ctx context.Context, body json.RawMessage) (any, error) {
	var q killRequest
	if err := unpack(body, &q); err != nil {
		return nil, err
	}
	p, err := r.find(&q)
	if err != nil {
		return nil, err
	}
	if p == nil {
		return &killed{PID: q.PID, Result: act.Gone.String(), Error: errNoOwner.Error()}, nil
	}
	done := &killed{PID: p.PID, Name: p.Name}
	held, err := r.env.Do.Hold(p)
	if err != nil {
		done.Result, done.Error = act.ReasonOf(err).String(), failText(err)
		return done, nil
	}
	defer held.Close()
	sig, _ := signalFlag(q.Signal) // it was checked
	outcome, err := held.End(ctx, act.Ending{Signal: sig})
	done.Result = outcome.String()
	if reason := act.ReasonOf(err); err != nil && (outcome == act.Alive || reason == act.Gone) {
		done.Result, done.Error = reason.String(), failText(err)
	}
	r.env.note(fmt.Errorf("asked over HTTP to end %s[%d]: %s", p.Name, p.PID, done.Result))
	return done, nil
}

// sameStart is how far the start of a process may be from what was sent: rows have seconds.
const sameStart = time.Second

// is reports whether it names a process.
func (q *killRequest) is(p *netstat.Process) bool {
	return p.PID == q.PID && p.Started.Sub(q.Started).Abs() <= sameStart
}

// find looks for the process in the table of sockets as it is now, else in that of processes: who holds no socket at the moment,
// as between two connections, has a row there, too.
func (r *serveRun) find(q *killRequest) (*netstat.Process, error) {
	p, err := r.owner(q)
	if p == nil && err == nil {
		p = r.hub.Process(q.is)
	}
	return p, err
}

// owner finds the process in the table of sockets as it is now.
func (r *serveRun) owner(q *killRequest) (*netstat.Process, error) {
	table, err := r.env.open(false)
	if err != nil {
		return nil, err
	}
	defer table.Close()
	var snap netstat.Snapshot
	if err := table.Read(netstat.Query{Owner: netstat.OwnerPID, AllNetNS: r.flags.allNetNS}, &snap); err != nil {
		return nil, err
	}
	for i := range snap.Sockets {
		for _, o := range snap.Sockets[i].Owners {
			if p := o.Process; p != nil && q.is(p) {
				return p, nil
			}
		}
	}
	return nil, nil
}
