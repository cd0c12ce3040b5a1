package completion

import "time"

// timers is a heap of operations by the time at which they are over. An operation knows its place, so that the many that
// end before their time are removed.
type timers struct {
	loop *loop
	heap []*Op
}

func (t *timers) add(op *Op, at time.Duration) {
	t.remove(op)
	op.limit = at
	t.heap = append(t.heap, op)
	op.timer = int32(len(t.heap))
	t.up(len(t.heap) - 1)
}

func (t *timers) remove(op *Op) {
	if op.timer == 0 {
		return
	}
	i, last := int(op.timer)-1, len(t.heap)-1
	t.swap(i, last)
	t.heap[last] = nil
	t.heap = t.heap[:last]
	op.timer = 0
	if i < last {
		t.down(i)
		t.up(i)
	}
}

// bound shortens a wait to the next timer.
func (t *timers) bound(d time.Duration) time.Duration {
	if len(t.heap) == 0 || d == 0 {
		return d
	}
	left := max(t.heap[0].limit-t.loop.now(), 0)
	if d < 0 {
		return left
	}
	return min(d, left)
}

// fire ends what is over.
func (t *timers) fire() {
	if len(t.heap) == 0 {
		return
	}
	for now := t.loop.now(); len(t.heap) > 0 && t.heap[0].limit <= now; {
		op := t.heap[0]
		t.remove(op)
		if op.Kind == Timer {
			t.loop.finish(op, 0, nil)
		} else {
			t.loop.cancel(op, timedOut)
		}
	}
}

func (t *timers) less(i, j int) bool { return t.heap[i].limit < t.heap[j].limit }

func (t *timers) swap(i, j int) {
	t.heap[i], t.heap[j] = t.heap[j], t.heap[i]
	t.heap[i].timer, t.heap[j].timer = int32(i+1), int32(j+1)
}

func (t *timers) up(i int) {
	for ; i > 0 && t.less(i, (i-1)/2); i = (i - 1) / 2 {
		t.swap(i, (i-1)/2)
	}
}

func (t *timers) down(i int) {
	for {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(t.heap); child++ {
			if t.less(child, least) {
				least = child
			}
		}
		if least == i {
			return
		}
		t.swap(i, least)
		i = least
	}
}
