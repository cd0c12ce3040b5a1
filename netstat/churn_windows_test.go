package netstat

import (
	"net/netip"
	"os"
	"testing"
)

// TestChurn reads the table a hundred times while sockets come and go as fast as they can: what stays must be in every
// reading once, with its owner.
func TestChurn(t *testing.T) {
	stay := open(t, "127.0.0.1")
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
				churn(t)
			}
		}
	}()
	defer func() { close(stop); <-done }()

	tab, err := Open(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tab.Close()
	var s Snapshot
	for i := range 100 {
		if err := tab.Read(Query{Owner: OwnerPID}, &s); err != nil || len(s.Partial) > 0 {
			t.Fatal(err, s.Partial)
		}
		for what, pair := range map[string][2]netip.AddrPort{
			"listener": {stay.listener, unspecified(false)}, "client": {stay.client, stay.server}, "server": {stay.server, stay.client}, "udp": {stay.udp},
		} {
			if found := find(s.Sockets, pair[0], pair[1]); len(found) != 1 || !ownedBy(found[0], os.Getpid()) {
				t.Fatalf("reading %d: %s: %+v", i, what, found)
			}
		}
	}
}

// churn opens and closes a few sockets.
func churn(t *testing.T) {
	var opened []func()
	for range 20 {
		_, closeUDP := openUDP(t, "127.0.0.1")
		opened = append(opened, closeUDP)
	}
	for _, f := range opened {
		f()
	}
}

func BenchmarkRead(b *testing.B) {
	for _, level := range []OwnerLevel{OwnerNone, OwnerPID, OwnerModule} {
		b.Run([]string{"basic", "pid", "module"}[level], func(b *testing.B) {
			tab, err := Open(nil)
			if err != nil {
				b.Fatal(err)
			}
			defer tab.Close()
			var s Snapshot
			b.ReportAllocs()
			for b.Loop() {
				if err := tab.Read(Query{Owner: level}, &s); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(len(s.Sockets)), "sockets")
		})
	}
}
