package history

import (
	"context"
	"errors"
	"testing"

	"github.com/sockeye-net/sockeye/internal/view"
)

// BenchmarkHosts asks which hosts a program talked to in a month: 30,000, of 50,000 that another one has.
func BenchmarkHosts(b *testing.B) {
	path := sample(b)
	s := open(b, path, &clock{noon})
	_, err := s.conn.ExecContext(background, `
		INSERT INTO host(addr, zone, place, seen) WITH n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 49999)
			SELECT unhex(printf('00000000000000000000ffff6440%04x', i)), '', i % 2 + 1, 0 FROM n;
		INSERT INTO total SELECT 3, 202611, (SELECT id FROM program WHERE name = 'nginx'), id, id * 7919 % 100000, 1, 1, 1 FROM host WHERE seen = 0;
		INSERT INTO total SELECT 3, 202611, (SELECT id FROM program WHERE name = 'curl'), id, id * 7919 % 100000, 1, 1, 1 FROM host WHERE seen = 0 LIMIT 30000;`)
	if err := errors.Join(err, s.Close()); err != nil {
		b.Fatal(err)
	}
	r := reader(b, path)
	q := Query{From: firstOf(2026, 11, noon.Location()), Names: new(view.Names)}
	q.Filter = filter(b, "process = curl", q.Names)
	for _, most := range []int{0, 100} {
		q.Newest = most
		b.Run(map[int]string{0: "all", 100: "largest"}[most], func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				groups, totals, err := r.Groups(context.Background(), q, ByHost)
				if err != nil || !totals || len(groups) < 30000 && most == 0 || len(groups) != most && most > 0 {
					b.Fatal(len(groups), totals, err)
				}
			}
		})
	}
}
