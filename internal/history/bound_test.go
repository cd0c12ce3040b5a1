package history

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/internal/testutil"
	"github.com/sockeye-net/sockeye/netstat"
	"github.com/sockeye-net/sockeye/watch"
)

// busy is a server at speed: so many connections are open, and of them a tenth ends every second, and others begin.
type busy struct {
	clock   *clock
	seconds int
	flows   []watch.Flow
	sockets []netstat.Socket
	number  uint64
	each    func()
}

func (b *busy) begin(i int) {
	b.number++
	n := b.number
	client := fmt.Sprintf("192.%d.%d.%d:%d", n>>16&0xff, n>>8&0xff, n&0xff, 1024+n%60000)
	b.sockets[i] = socket(n, netstat.Established, "10.0.0.1:443", client, &netstat.Process{PID: int(n % 5000), Name: fmt.Sprint("p", n%20), Started: noon})
	b.flows[i] = watch.Flow{Socket: &b.sockets[i], Since: b.clock.Time, Total: watch.Bytes{Basis: watch.FromTCPInfo}}
}

func (b *busy) Next(context.Context) (*watch.Report, error) {
	if b.seconds--; b.seconds < 0 {
		return nil, watch.ErrClosed
	}
	b.each()
	b.clock.forward(time.Second)
	r := &watch.Report{Time: b.clock.Time, Elapsed: time.Second}
	for k := range len(b.flows) / 10 {
		i := (b.seconds*len(b.flows)/10 + k) % len(b.flows)
		r.Events = append(r.Events, closed(b.sockets[i], b.clock.Time, b.flows[i].Total.Sent, 1))
		b.begin(i)
		r.Events = append(r.Events, opened(b.sockets[i], b.clock.Time))
	}
	for i := range b.flows {
		if i%5 == b.seconds%5 {
			b.flows[i].Total.Sent += 1000
		}
	}
	return r, nil
}

func (b *busy) Flows(yield func(*watch.Flow) bool) {
	for i := range b.flows {
		if !yield(&b.flows[i]) {
			return
		}
	}
}

// TestBounded records a server for ten times as long as its file has room for, each connection from another client: file, log
// and memory stay within their bounds, nothing is left out, and the newest is what is kept. bench/history -hours 24 is the same
// with a day.
func TestBounded(t *testing.T) {
	testutil.NotRaced(t)
	const most, open = 4 << 20, 300
	c := &clock{noon}
	path, src := newFile(t), &busy{clock: c, seconds: 1200, flows: make([]watch.Flow, open), sockets: make([]netstat.Socket, open)}
	if testutil.Thorough() {
		src.seconds *= 4
	}
	for i := range src.flows {
		src.begin(i)
	}
	var file, log int64
	var heap uint64
	src.each = func() {
		file, log = max(file, sizeAt(path)), max(log, sizeAt(path+"-wal"))
		if src.seconds%100 == 0 {
			var m runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&m)
			heap = max(heap, m.HeapAlloc)
		}
	}
	s, err := Open(Config{Path: path, Now: c.now, Limits: Limits{Size: most}, Boot: "boot"})
	if err != nil {
		t.Fatal(err)
	}
	defer shut(t, s)
	if err := Record(context.Background(), s, Recording{Sockets: src, Details: details, Places: places, Trouble: func(err error) { t.Error(err) }}); !errors.Is(err, watch.ErrClosed) {
		t.Fatal(err)
	}
	r := reader(t, path)
	n := rows(t, r, "connection")
	t.Logf("%d of %d connections in %d bytes, the log had %d at most, the heap %d", n, src.number, file, log, heap)
	if file > 2*most || log > 48<<20 || heap > 64<<20 || n < 1000 {
		t.Error("that is out of bounds")
	}
	if gaps, err := r.Gaps(context.Background(), time.Time{}, time.Time{}); err != nil || len(gaps) != 0 {
		t.Errorf("%+v %v", gaps, err)
	}
	if missing := rows(t, r, "connection c LEFT JOIN host h ON h.id = c.remote LEFT JOIN process p ON p.id = c.process WHERE h.id IS NULL OR p.id IS NULL"); missing != 0 {
		t.Errorf("%d connections without address or owner", missing)
	}
	if gone := rows(t, r, "(SELECT id FROM connection ORDER BY id DESC LIMIT 1000)"); gone != 1000 {
		t.Errorf("%d of the last 1000 are left", gone)
	}
}

func sizeAt(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}
