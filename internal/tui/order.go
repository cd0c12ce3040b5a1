package tui

import "slices"

// resort puts rows in order. From one reading to the next few of them change their places: those are taken out, sorted, and
// merged with the rest, so that a table of n rows of which few moved costs about n comparisons.
func (o *sorter) resort(rows []*row, compare func(a, b *row) int) []*row {
	o.rest, o.moved = o.rest[:0], o.moved[:0]
	for _, r := range rows {
		switch n := len(o.rest); {
		case n == 0 || compare(o.rest[n-1], r) <= 0:
			o.rest = append(o.rest, r)
		case n > 1 && compare(o.rest[n-2], r) <= 0: // the one before stands out, not this one
			o.moved = append(o.moved, o.rest[n-1])
			o.rest[n-1] = r
		default:
			o.moved = append(o.moved, r)
		}
	}
	if len(o.moved) > len(rows)/4 {
		slices.SortStableFunc(rows, compare)
		return rows
	}
	slices.SortStableFunc(o.moved, compare)
	return o.merge(rows[:0], compare)
}

// sorter holds the memory of resort.
type sorter struct{ rest, moved []*row }

// merge writes both lists to dst, which may be the memory that their rows were taken from.
func (o *sorter) merge(dst []*row, compare func(a, b *row) int) []*row {
	i := 0
	for _, m := range o.moved {
		for i < len(o.rest) && compare(o.rest[i], m) <= 0 {
			dst = append(dst, o.rest[i])
			i++
		}
		dst = append(dst, m)
	}
	return append(dst, o.rest[i:]...)
}
