package completion

// fifo is a queue of operations that have ended.
type fifo struct {
	ops  []*Op
	head int
}

func (f *fifo) len() int { return len(f.ops) - f.head }

func (f *fifo) push(op *Op) { f.ops = append(f.ops, op) }

// pop moves the oldest into done, as many as it has room for.
func (f *fifo) pop(done []*Op) int {
	n := copy(done, f.ops[f.head:])
	clear(f.ops[f.head : f.head+n])
	f.head += n
	switch {
	case f.head == len(f.ops):
		f.ops, f.head = f.ops[:0], 0
	case f.head > len(f.ops)/2:
		rest := copy(f.ops, f.ops[f.head:])
		clear(f.ops[rest:])
		f.ops, f.head = f.ops[:rest], 0
	}
	return n
}
