package completion

import "sync"

// Handlers that may block run in goroutines. What they do to their connection goes back to its thread by mail.

// task is what goroutines have to do for a connection: one block now, and those after it.
type task struct {
	c     *Conn
	now   chunk
	taken bool // the block is being sent
	later []chunk
}

// handle is the work of one goroutine.
func handle(jobs *taskQueue) {
	for t := jobs.take(); t != nil; t = jobs.take() {
		err := t.c.w.server.handler(t.c, t.now.b)
		t.c.w.mail.put(letter{c: t.c, block: t.back(), err: err, done: true})
	}
}

// back is the block of a task that is done, unless it is being sent. It can be sent no more.
func (t *task) back() int32 {
	t.c.mu.Lock()
	defer t.c.mu.Unlock()
	if t.taken {
		return noBlock
	}
	t.taken = true
	return t.now.block
}

// letter is what a goroutine has for a connection: bytes to be sent, or the end of a job.
type letter struct {
	c     *Conn
	b     []byte
	err   error
	block int32
	done  bool
}

// mailbox takes letters from any goroutine.
type mailbox struct {
	mu     sync.Mutex
	in     []letter
	back   []letter
	closed bool
	rouse  func()
}

// put reports whether the letter may be read.
func (m *mailbox) put(l letter) bool {
	m.mu.Lock()
	closed := m.closed
	if !closed {
		m.in = append(m.in, l)
	}
	m.mu.Unlock()
	m.rouse()
	return !closed
}

// close has no more letters taken.
func (m *mailbox) close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed, m.in = true, nil
}

// waits reports whether there are letters.
func (m *mailbox) waits() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.in) > 0
}

// open has the letters do what they say, and reports whether there were any.
func (m *mailbox) open() bool {
	m.mu.Lock()
	letters := m.in
	m.in = m.back[:0]
	m.mu.Unlock()
	for i := range letters {
		letters[i].c.read(&letters[i])
	}
	clear(letters)
	m.back = letters
	return len(letters) > 0
}

// mail sends from a goroutine. Whether the connection is over shows later.
func (c *Conn) mail(b []byte) error {
	l := letter{c: c, b: b, block: c.lent(b)}
	if l.block == noBlock {
		l.b = append([]byte(nil), b...)
	}
	if !c.w.mail.put(l) {
		return ErrClosed
	}
	return nil
}

// lent is the block that b lies in, if that is being handled and nobody sends it yet.
func (c *Conn) lent(b []byte) int32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.task
	if t == nil || t.taken || t.now.block == noBlock || !within(b, t.now.b) {
		return noBlock
	}
	t.taken = true
	return t.now.block
}

// assign makes a block the one that a goroutine handles; no task is the end of that.
func (c *Conn) assign(t *task, k chunk) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.task = t; t != nil {
		t.c, t.now, t.taken = c, k, false
	}
}

// read does what a letter says, on the thread.
func (c *Conn) read(l *letter) {
	switch {
	case l.done:
		c.w.carrier.release(l.block)
		c.next(l.err)
	case c.has(parted | failed | bowing | shut):
		c.w.carrier.release(l.block)
	default:
		c.pass(l.b, l.block)
	}
}

// maxLater is how many blocks of a connection may wait to be handled before no more are received.
const maxLater = 8

// next goes on with the block after the one that was handled.
func (c *Conn) next(err error) {
	t := c.task
	if err != nil {
		c.bow(err)
	}
	if len(t.later) > 0 && !c.has(bowing|failed|shut) {
		c.assign(t, t.later[0])
		t.later = t.later[1:]
		c.w.server.jobs.put(t)
		c.relax()
		return
	}
	for _, k := range t.later {
		c.w.carrier.release(k.block)
	}
	c.flags &^= busy
	c.assign(nil, chunk{})
	c.w.rest(t)
	c.relax()
	if c.has(ended) {
		c.bow(nil)
	}
	if c.has(bowing) {
		c.leave()
	}
	c.try()
}

// hand gives a block to a goroutine, after those before it.
func (w *worker) hand(c *Conn, b []byte, block int32) {
	block, b = w.carrier.keep(block, b)
	if c.has(busy) {
		if c.task.later = append(c.task.later, chunk{b, block}); len(c.task.later) > maxLater {
			c.strain()
		}
		return
	}
	c.flags |= busy
	t := w.newTask()
	c.assign(t, chunk{b, block})
	w.server.jobs.put(t)
}

func (w *worker) newTask() *task {
	if n := len(w.tasks); n > 0 {
		t := w.tasks[n-1]
		w.tasks = w.tasks[:n-1]
		return t
	}
	return new(task)
}

// rest keeps a task for another connection.
func (w *worker) rest(t *task) {
	*t = task{later: t.later[:0]}
	w.tasks = append(w.tasks, t)
}
