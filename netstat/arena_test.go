package netstat

import "testing"

// TestForget: a shorter reading into the memory of a longer one keeps no process of it.
func TestForget(t *testing.T) {
	p := &Process{PID: 1}
	s := &Snapshot{}
	for range 5 {
		s.arena.owners = append(s.arena.owners, Owner{Process: p})
		s.Sockets = append(s.Sockets, Socket{Owners: s.arena.owners[len(s.arena.owners)-1:]})
	}
	sockets, owners := len(s.Sockets), len(s.arena.owners)
	s.reset()
	s.Sockets, s.arena.owners = s.Sockets[:2], s.arena.owners[:1]
	s.forget(sockets, owners)
	for i, k := range s.Sockets[:sockets] {
		if (k.Owners != nil) != (i < 2) {
			t.Errorf("socket %d: owners %v", i, k.Owners)
		}
	}
	for i, o := range s.arena.owners[:owners] {
		if (o.Process != nil) != (i < 1) {
			t.Errorf("owner %d: %v", i, o.Process)
		}
	}
	s.Sockets = make([]Socket, 1) // other, smaller memory
	s.forget(sockets, owners)
}
