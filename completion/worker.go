package completion

import (
	"os"
	"sync/atomic"
	"time"
)

// worker is a port with its connections. Everything in it is its thread's, but load and what goes through loop.request.
type worker struct {
	server  *server
	port    *Port
	loop    *loop
	carrier carrier
	load    atomic.Int64 // connections

	listener *Handle // the first worker's
	hearing  bool    // accepts are under way
	parked   []sysFD // accepted beyond MaxConns
	retry    bool    // accepting failed, and is tried again at the next tick

	conns []*Conn
	free  []uint32

	tick     uint32        // counts periods
	period   time.Duration // 0: nothing has a limit
	nextTick time.Duration
	draining bool
	ended    bool          // of what comes to it now, nothing is taken
	lingers  int           // connections that wait for their peer to close
	deadline time.Duration // of draining
	spare    []*Op
	mail     mailbox
	tasks    []*task // to be used again
}

// carrier moves the bytes of a worker's connections. All calls are on its thread.
type carrier interface {
	// start is called once, first, on the worker's thread.
	start() error
	// accept begins to take connections, each of which it hands to worker.arrived; hush ends that.
	accept()
	hush()
	// join makes a connection known, arm receives from it, and pause ends that after what is on its way.
	join(c *Conn) error
	arm(c *Conn)
	pause(c *Conn)
	// send sends b, or puts a copy of what cannot go now into the connection's queue. Where b lies in the block that is being
	// handled it may keep that instead. pass sends what lies in a block that was kept, and releases it afterwards.
	send(c *Conn, b []byte) error
	pass(c *Conn, b []byte, block int32) error
	// keep makes a block of received bytes stay valid until release.
	keep(block int32, b []byte) (int32, []byte)
	release(block int32)
	// abort ends what is under way on a connection, and part closes it when nothing is.
	abort(c *Conn)
	part(c *Conn)
}

// The tick: what has a limit is looked at as often as this.
const (
	minPeriod = 10 * time.Millisecond
	maxPeriod = time.Second
	retryPace = 50 * time.Millisecond
	lingerFor = time.Second // how long a peer may take to close
)

func newWorker(s *server, cfg *Config) (*worker, error) {
	port, err := Open(cfg)
	if err != nil {
		return nil, err
	}
	w := &worker{server: s, port: port, loop: &port.loop, spare: make([]*Op, 64)}
	w.mail.rouse = w.loop.rouse
	w.loop.post = &w.mail
	w.loop.yields = s.opts.Goroutines > 0
	w.setPeriod()
	if w.carrier, err = newCarrier(w); err != nil {
		_ = port.Close()
		return nil, err
	}
	return w, nil
}

func (w *worker) setPeriod() {
	for _, d := range []time.Duration{w.server.opts.FirstBlock, w.server.opts.Idle} {
		if d > 0 && (w.period == 0 || d/4 < w.period) {
			w.period = min(max(d/4, minPeriod), maxPeriod)
		}
	}
}

func (w *worker) listenTo(l *Listener) error {
	fd, err := l.release()
	if err != nil {
		return err
	}
	w.listener, err = w.port.AttachFD(uintptr(fd))
	return err
}

// run is the worker's thread.
func (w *worker) run() error {
	defer w.shut()
	if err := w.loop.own(); err != nil {
		return err
	}
	if err := w.carrier.start(); err != nil {
		return err
	}
	if w.listener != nil {
		w.listen()
	}
	for !w.over() {
		if err := w.loop.turn(w.patience()); err != nil {
			return err
		}
		for w.loop.done.pop(w.spare) > 0 { // of handlers that submit operations: their Next was called
			clear(w.spare)
		}
		w.keepTime()
	}
	return nil
}

func (w *worker) shut() {
	w.ended = true
	w.mail.close()
	for _, c := range w.conns {
		if c != nil { // only after an error: the loop cannot end what is under way
			_ = closeFD(&Handle{fd: c.fd})
			c.err = ErrClosed
			w.gone(c)
		}
	}
	if w.listener != nil && !w.listener.closed.Load() {
		_ = w.listener.Close()
	}
	w.closeParked()
	if err := w.port.Close(); err != nil {
		w.server.complain(err)
	}
}

func (w *worker) closeParked() {
	for _, fd := range w.parked {
		_ = closeFD(&Handle{fd: fd})
	}
	w.parked = nil
}

// over reports whether everything has come to its end.
func (w *worker) over() bool { return w.draining && w.load.Load() == 0 && !w.hearing }

// patience is how long a turn may wait.
func (w *worker) patience() time.Duration {
	if w.pace() == 0 {
		return -1
	}
	return max(w.nextTick-w.loop.now(), time.Microsecond)
}

// pace is the time between ticks: 0 where there is nothing to look at.
func (w *worker) pace() time.Duration {
	switch {
	case w.draining:
		return minPeriod
	case (w.retry || w.lingers > 0) && (w.period == 0 || w.period > retryPace):
		return retryPace
	}
	return w.period
}

// keepTime looks at all connections when a period is over.
func (w *worker) keepTime() {
	pace := w.pace()
	if pace == 0 {
		return
	}
	now := w.loop.now()
	if now < w.nextTick {
		return
	}
	w.nextTick = now + pace
	w.tick = uint32(now / minPeriod)
	if w.retry && !w.draining {
		w.retry = false
		w.listen()
	}
	for _, c := range w.conns {
		if c != nil {
			w.look(c, now)
		}
	}
}

// look ends a connection that took too long.
func (w *worker) look(c *Conn, now time.Duration) {
	limit := w.server.opts.Idle
	switch {
	case c.has(virgin):
		limit = w.server.opts.FirstBlock
	case c.has(busy):
		c.live() // it waits for our answer
	}
	silent := time.Duration(w.tick-c.stamp)*minPeriod - w.period // signs of life are as old as the last tick
	switch {
	case w.draining && now >= w.deadline:
		c.fail(os.ErrDeadlineExceeded)
	case c.has(shut):
		if !w.draining && silent >= lingerFor {
			c.fail(nil)
		}
	case limit > 0 && silent >= limit:
		c.fail(os.ErrDeadlineExceeded)
	}
}

// linger gives a peer time to close.
func (w *worker) linger(c *Conn) {
	w.lingers++
	c.stamp = uint32(w.loop.now() / minPeriod)
}

// drain begins the end: no more connections, and those that are there are closed in good order.
func (w *worker) drain() {
	if w.draining || w.ended {
		return
	}
	w.draining = true
	w.deadline = w.loop.after(w.server.opts.Grace)
	w.nextTick = 0
	if w.listener != nil {
		w.carrier.hush()
		w.closeParked()
	}
	for _, c := range w.conns {
		if c != nil {
			c.bow(nil)
		}
	}
}

// listen takes connections, unless there are enough.
func (w *worker) listen() {
	if !w.hearing && !w.draining && !w.ended && !w.full() {
		w.hearing = true
		w.carrier.accept()
	}
}

func (w *worker) full() bool {
	most := w.server.opts.MaxConns
	return most > 0 && w.server.count.Load() >= int64(most)
}

// arrived is a new connection, on the first worker.
func (w *worker) arrived(fd sysFD) {
	switch {
	case w.draining || w.ended:
		_ = closeFD(&Handle{fd: fd})
	case w.full():
		w.parked = append(w.parked, fd)
		w.carrier.hush()
	default:
		w.place(fd)
	}
}

// place gives a connection to the worker with the fewest.
func (w *worker) place(fd sysFD) {
	w.server.count.Add(1)
	to := w.server.fewest()
	to.load.Add(1)
	if to == w {
		w.open(fd)
	} else if to.loop.request(request{run: func() { to.open(fd) }}) != nil {
		_ = closeFD(&Handle{fd: fd})
		w.server.count.Add(-1)
		to.load.Add(-1)
	}
}

// deaf is called when accepting has ended: by hush, or by an error.
func (w *worker) deaf(err error) {
	w.hearing = false
	switch {
	case w.draining:
	case err != nil:
		w.server.complain(&OpError{Op: "accept", Err: err})
		w.retry, w.nextTick = true, w.loop.now()+retryPace
	default:
		w.makeRoom()
	}
}

// makeRoom is called on the first worker when connections have ended.
func (w *worker) makeRoom() {
	for len(w.parked) > 0 && !w.full() {
		fd := w.parked[0]
		w.parked = w.parked[1:]
		w.place(fd)
	}
	if len(w.parked) == 0 && !w.retry {
		w.listen()
	}
}

// open begins a connection on its worker.
func (w *worker) open(fd sysFD) {
	if w.ended {
		_ = closeFD(&Handle{fd: fd})
		w.server.count.Add(-1)
		w.load.Add(-1)
		return
	}
	c := &Conn{w: w, fd: fd, stamp: w.tick, flags: virgin}
	if n := len(w.free); n > 0 {
		c.id, w.free = w.free[n-1], w.free[:n-1]
		w.conns[c.id] = c
	} else {
		c.id = uint32(len(w.conns))
		w.conns = append(w.conns, c)
	}
	if w.period > 0 {
		c.stamp = uint32(w.loop.now() / minPeriod)
	}
	if err := w.carrier.join(c); err != nil {
		c.fail(err)
		return
	}
	if w.draining {
		c.bow(nil)
		return
	}
	c.flags |= known
	if f := w.server.opts.Opened; f != nil {
		if err := f(c); err != nil {
			c.bow(err)
			return
		}
	}
	if !c.has(failed | bowing) {
		w.carrier.arm(c)
	}
}

// gone takes a connection out, whose descriptor is closed.
func (w *worker) gone(c *Conn) {
	w.conns[c.id] = nil
	w.free = append(w.free, c.id)
	w.load.Add(-1)
	most := int64(w.server.opts.MaxConns)
	if w.server.count.Add(-1) < most {
		first := w.server.workers[0]
		if first == w {
			w.makeRoom()
		} else {
			_ = first.loop.request(request{run: first.makeRoom}) // closed: nobody is to come
		}
	}
	if c.has(shut) {
		w.lingers--
	}
	if f := w.server.opts.Closed; f != nil && c.has(known) {
		f(c, c.err)
	}
}
