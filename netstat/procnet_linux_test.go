package netstat

import "testing"

// TestUntold: what the text of /proc/net has no place for is not told, rather than told to be 0.
func TestUntold(t *testing.T) {
	tab := &table{netns: 5, src: &procSource{list: &procNetFiles{}}}
	full := Socket{NetNS: 5, RecvQ: 1, SendQ: 2, HasQueues: true, HasUID: true, Info: TCPInfo{Known: true, Sent: 3}}
	for _, c := range []struct {
		name            string
		change          func(*Socket)
		from            uint32
		info, queue, id bool
	}{
		{"connection", func(s *Socket) { s.Proto, s.State = TCP, Established }, moreBit, false, true, true},
		{"listener", func(s *Socket) { s.Proto, s.State = TCP, Listen }, moreBit, false, false, true},
		{"UDP", func(s *Socket) { s.Proto, s.State = UDP, Unconnected }, moreBit, false, true, true},
		{"Unix", func(s *Socket) { s.Proto, s.State = Unix, Established }, unixBit, false, false, false},
		{"another namespace", func(s *Socket) { s.Proto, s.State, s.NetNS = TCP, Listen, 6 }, moreBit, true, true, true},
		{"walked", func(s *Socket) { s.Proto, s.State = TCP, Listen }, 0, true, true, true},
	} {
		s := full
		c.change(&s)
		tab.untold(&s, row{rec: c.from | 1})
		if s.Info.Known != c.info || s.HasQueues != c.queue || s.HasUID != c.id {
			t.Errorf("%s: %+v", c.name, s)
		}
		if !s.Info.Known && s.Info != (TCPInfo{}) {
			t.Errorf("%s: counters %+v", c.name, s.Info)
		}
	}
	if !tab.byText() || (&table{src: &procSource{list: &diag{}}}).byText() || (&table{src: &bpfSource{list: &diag{}}}).byText() {
		t.Error("byText does not tell who lists")
	}
}
