package netstat

import (
	"errors"
	"fmt"
	"slices"
	"testing"
)

// TestOwnersOfPort: owned, nobody and could not find out stay distinct, also where the table was read in part.
func TestOwnersOfPort(t *testing.T) {
	owned := Socket{Owners: []Owner{{&Process{PID: 7}, 3}, {&Process{PID: 5}, 3}, {&Process{PID: 7}, 4}}}
	denied, short := Socket{Missing: MissingPermission}, owned
	short.Missing = MissingUnknown
	rows := fmt.Errorf("the TCP table could not be read, so that %w", errRows)
	note := errors.New("processes of other users cannot be looked at")
	for _, c := range []struct {
		name    string
		s       Snapshot
		pids    []int
		unknown bool
	}{
		{"owned", Snapshot{Sockets: []Socket{owned}}, []int{5, 7}, false},
		{"nobody", Snapshot{}, nil, false},
		{"nobody: TIME_WAIT", Snapshot{Sockets: []Socket{{Missing: MissingTimeWait}}}, nil, false},
		{"nobody, though others are hidden", Snapshot{Partial: []error{note}}, nil, false},
		{"not permitted", Snapshot{Sockets: []Socket{denied}}, nil, true},
		{"one of two", Snapshot{Sockets: []Socket{owned, denied}}, []int{5, 7}, true},
		{"the walk broke off", Snapshot{Sockets: []Socket{short}}, []int{5, 7}, true},
		{"not every socket was listed", Snapshot{Partial: []error{note, rows}}, nil, true},
		{"nor every one beside those", Snapshot{Sockets: []Socket{owned}, Partial: []error{rows}}, []int{5, 7}, true},
	} {
		pids, err := c.s.ownersOfPort(80)
		if !slices.Equal(pids, c.pids) || errors.Is(err, ErrOwnerUnknown) != c.unknown || (err != nil) != c.unknown {
			t.Errorf("%s: %v, %v", c.name, pids, err)
		}
	}
}
