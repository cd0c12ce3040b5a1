package cli

import (
	"errors"
	"testing"

	"github.com/sockeye-net/sockeye/netstat"
)

func TestPipelineKeepsOrderAndOwners(t *testing.T) {
	for _, n := range []int{0, 1, batchSize - 1, batchSize, batchSize + 1, 10*batchSize + 7} {
		var got []uint64
		p := newPipeline(func(s *netstat.Socket) error {
			if len(s.Owners) != int(s.Inode%3) {
				t.Errorf("socket %d has %d owners", s.Inode, len(s.Owners))
			}
			for _, o := range s.Owners {
				if o.FD != int32(s.Inode) {
					t.Errorf("socket %d has an owner of socket %d", s.Inode, o.FD)
				}
			}
			got = append(got, s.Inode)
			return nil
		})
		var s netstat.Socket
		var owners [2]netstat.Owner
		for i := range n {
			owners[0].FD, owners[1].FD = int32(i), int32(i) // used again for the next, as netstat does
			s.Inode, s.Owners = uint64(i), owners[:i%3]
			if !p.put(&s) {
				t.Fatal("the consumer gave up")
			}
		}
		if err := p.end(); err != nil || len(got) != n {
			t.Fatalf("%d of %d, %v", len(got), n, err)
		}
		for i, inode := range got {
			if inode != uint64(i) {
				t.Fatalf("%d came at place %d", inode, i)
			}
		}
	}
}

func TestPipelineStopsWhenTheConsumerFails(t *testing.T) {
	full := errors.New("disk full")
	for _, failAt := range []int{1, batchSize, 3*batchSize + 1} {
		n := 0
		p := newPipeline(func(*netstat.Socket) error {
			if n++; n == failAt {
				return full
			}
			return nil
		})
		put := 0
		for put < 100*batchSize && p.put(&netstat.Socket{}) {
			put++
		}
		if err := p.end(); !errors.Is(err, full) || put == 100*batchSize {
			t.Errorf("after %d puts: %v", put, err)
		}
	}
}
