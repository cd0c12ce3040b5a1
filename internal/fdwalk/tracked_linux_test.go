package fdwalk

import (
	"math"
	"slices"
	"testing"
)

func placesOf(kind kind, numbers ...int32) (list []place) {
	for _, n := range numbers {
		list = append(list, place{FD{Inode: uint32(100 + n), FD: n}, kind})
	}
	return list
}

func numbers(list []place) (n []int32) {
	for _, p := range list {
		n = append(n, p.FD.FD)
	}
	return n
}

func TestMerge(t *testing.T) {
	for _, c := range []struct{ old, found, want []int32 }{
		{nil, nil, nil},
		{nil, []int32{1, 2}, []int32{1, 2}},
		{[]int32{1, 2}, nil, []int32{1, 2}},
		{[]int32{3, 5, 9}, []int32{0, 4, 10, 11}, []int32{0, 3, 4, 5, 9, 10, 11}},
		{[]int32{7}, []int32{1, 2, 3}, []int32{1, 2, 3, 7}},
	} {
		p := &tracked{places: placesOf(live, c.old...)}
		p.places = append(p.places, place{FD{FD: 90}, free}) // turned out to be empty
		p.merge(placesOf(pending, c.found...))
		if got := numbers(p.places); !slices.Equal(got, c.want) {
			t.Errorf("%v and %v: %v", c.old, c.found, got)
		}
	}
}

// TestReplace: what was looked at anew takes the place of what was known of these numbers, and keeps its kind where it is
// the same.
func TestReplace(t *testing.T) {
	for _, c := range []struct {
		from, to    int32
		found, want []int32
	}{
		{0, math.MaxInt32, []int32{1, 2}, []int32{1, 2}},
		{3, 6, []int32{4}, []int32{1, 2, 4, 7}},
		{3, 6, nil, []int32{1, 2, 7}},
		{8, math.MaxInt32, []int32{8, 9}, []int32{1, 2, 3, 5, 7, 8, 9}},
		{2, 6, []int32{2, 3, 5}, []int32{1, 2, 3, 5, 7}},
	} {
		p := &tracked{places: placesOf(live, 1, 2, 3, 5, 7)}
		p.replace(c.from, c.to, placesOf(pending, c.found...))
		if got := numbers(p.places); !slices.Equal(got, c.want) {
			t.Errorf("%d to %d by %v: %v, want %v", c.from, c.to, c.found, got, c.want)
		}
		for _, pl := range p.places {
			if was := slices.Contains([]int32{1, 2, 3, 5, 7}, pl.FD.FD); (pl.kind == live) != was {
				t.Errorf("%d to %d: %+v", c.from, c.to, pl)
			}
		}
	}
}
