package completion

import "sync"

// taskQueue is what goroutines take their work from. Putting into it never waits: a port's thread must not wait for handlers,
// which may wait for it.
type taskQueue struct {
	mu     sync.Mutex
	filled sync.Cond
	tasks  []*task
	head   int
	closed bool
}

func newTaskQueue() *taskQueue {
	q := &taskQueue{}
	q.filled.L = &q.mu
	return q
}

func (q *taskQueue) put(t *task) {
	q.mu.Lock()
	if q.head > 0 && len(q.tasks) == cap(q.tasks) { // room at the front first
		n := copy(q.tasks, q.tasks[q.head:])
		clear(q.tasks[n:])
		q.tasks, q.head = q.tasks[:n], 0
	}
	q.tasks = append(q.tasks, t)
	q.mu.Unlock()
	q.filled.Signal()
}

// take waits for a task. There is none when the queue is closed and empty.
func (q *taskQueue) take() *task {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.head == len(q.tasks) {
		if q.closed {
			return nil
		}
		q.filled.Wait()
	}
	t := q.tasks[q.head]
	q.tasks[q.head] = nil
	if q.head++; q.head == len(q.tasks) {
		q.tasks, q.head = q.tasks[:0], 0
	}
	return t
}

func (q *taskQueue) close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.filled.Broadcast()
}
