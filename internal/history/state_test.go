package history

import (
	"context"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/netstat"
	"github.com/sockeye-net/sockeye/watch"
)

// TestStateOfEnded: a connection is remembered by the state it lived in, so that "state established" finds at a time what was
// open then.
func TestStateOfEnded(t *testing.T) {
	for _, c := range []struct {
		first, last, want netstat.State
	}{
		{netstat.Established, netstat.FinWait1, netstat.Established},
		{netstat.Established, netstat.LastAck, netstat.Established},
		{netstat.Established, netstat.Closed, netstat.Established}, // reset
		{netstat.CloseWait, netstat.Closed, netstat.Established},
		{netstat.SynSent, netstat.Closed, netstat.SynSent}, // nobody answered
		{0, netstat.FinWait2, netstat.Established},         // its end is all that was told
		{0, netstat.Closed, netstat.Closed},
	} {
		path, clock := newFile(t), &clock{noon}
		s := socket(1, c.first, "10.0.0.1:40000", "192.0.2.5:443", curl)
		end := s
		end.State = c.last
		told := []watch.Event{opened(s, noon), closed(end, noon.Add(time.Minute), 1, 2)}
		if c.first == 0 {
			told = told[1:]
		}
		record(t, path, clock, &script{steps: []func(*script) watch.Report{events(time.Minute, told...)}})
		n := 0
		err := reader(t, path).Lives(context.Background(), Query{}, func(l *Life) error {
			n++
			if l.Socket.State != c.want {
				t.Errorf("%v, then %v: %v, want %v", c.first, c.last, l.Socket.State, c.want)
			}
			return nil
		})
		if err != nil || n != 1 {
			t.Errorf("%d lives, %v", n, err)
		}
	}
}
