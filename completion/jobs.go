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
func handle(jobs <-chan *task) {
	for t := range jobs {
		w := t.c.w
		err := w.server.handler(t.c, t.now.b)
		block := t.now.block
		if t.taken {
			block = noBlock
		}
		w.mail.put(letter{c: t.c, block: block, err: err, done: true})
	}
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
	mu    sync.Mutex
	in    []letter
	back  []letter
	rouse func()
}

func (m *mailbox) put(l letter) {
	m.mu.Lock()
	m.in = append(m.in, l)
	m.mu.Unlock()
	m.rouse()
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
	if t := c.task; t != nil && !t.taken && t.now.block != noBlock && within(b, t.now.b) {
		t.taken = true
		c.w.mail.put(letter{c: c, b: b, block: t.now.block})
		return nil
	}
	c.w.mail.put(letter{c: c, b: append([]byte(nil), b...), block: noBlock})
	return nil
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
		t.now, t.taken = t.later[0], false
		t.later = t.later[1:]
		c.w.server.jobs <- t
		c.relax()
		return
	}
	for _, k := range t.later {
		c.w.carrier.release(k.block)
	}
	c.flags &^= busy
	c.task = nil
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
	t.c, t.now = c, chunk{b, block}
	c.task = t
	w.server.jobs <- t // there is room for as many as there are blocks
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
