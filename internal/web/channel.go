package web

import (
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"strconv"
	"time"

	"github.com/sockeye-net/sockeye/internal/view"
	"github.com/sockeye-net/sockeye/netstat"
	"github.com/sockeye-net/sockeye/watch"
)

// channel is what viewers with the same wishes see of one topic. What it sends is made once for all of them.
type channel struct {
	key     channelKey
	filter  *view.Filter       // of sockets
	events  *view.EventFilter  // of events and news
	groups  int                // that have it
	seen    map[uint64]seenRow // rows that viewers have, by their number
	frame   []byte             // what the last reading changed; nil is nothing
	whole   []byte             // everything, if somebody has asked for it since the last reading
	waiting []byte             // events or news that are not sent yet, as JSON with commas between them
}

type channelKey struct {
	topic  topic
	access Access
	filter string
}

// seenRow is what viewers have of a row.
type seenRow struct{ hash, seq uint64 }

// group is the viewers who have the same channels, and so get the same bytes: each of them costs one write(2) a reading.
type group struct {
	key      string
	access   Access
	channels []*channel
	viewers  map[*viewer]struct{}
}

// maxChannels bounds the different wishes of those with the token; those without have a share of it for themselves. Each costs
// as much as a viewer who is alone.
const maxChannels = 64

var (
	errTooMany = errors.New("there are as many viewers as this server lets in; try again later")
	errWishes  = errors.New("the viewers have too many different filters; try again later, or without a filter")
	errEnded   = errors.New("the server ends")
)

// wishes are what a viewer asks for.
type wishes struct {
	topics []topic
	access Access
	filter string
}

// key tells groups apart.
func (w *wishes) key() string { return fmt.Sprintln(w.topics, w.access, w.filter) }

// join adds a viewer, whose first frames are all there is. The caller reads the queue until it is closed, and calls Leave.
func (h *Hub) join(w wishes) (*viewer, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.ended:
		return nil, errEnded
	case len(h.viewers) >= h.cfg.MaxViewers, w.access == Public && h.strangers() >= share(h.cfg.MaxViewers):
		return nil, errTooMany
	}
	g, err := h.group(&w)
	if err != nil {
		h.dropIdle()
		return nil, err
	}
	v := newViewer(g, &h.behind[w.access])
	g.viewers[v] = struct{}{}
	h.viewers[v] = struct{}{}
	h.catchUp(v)
	return v, nil
}

// share is how much of a limit is for those without the token, who may be anyone on this machine: the rest stays for its owner.
func share(limit int) int { return (limit + 1) / 2 }

// strangers are the viewers without the token.
func (h *Hub) strangers() (n int) {
	for _, g := range h.groups {
		if g.access == Public {
			n += len(g.viewers)
		}
	}
	return n
}

// group finds or makes one.
func (h *Hub) group(w *wishes) (*group, error) {
	key := w.key()
	if g := h.groups[key]; g != nil {
		return g, nil
	}
	if h.groupsOf(w.access) >= mostWishes(w.access) {
		return nil, errWishes
	}
	g := &group{key: key, access: w.access, viewers: make(map[*viewer]struct{})}
	for _, t := range w.topics {
		c, err := h.channel(channelKey{t, w.access, w.filter})
		if err != nil {
			return nil, err
		}
		g.channels = append(g.channels, c)
	}
	for _, c := range g.channels {
		c.groups++
	}
	h.groups[key] = g
	return g, nil
}

// groupsOf counts the groups of those who may see the same. Each has frames of its own.
func (h *Hub) groupsOf(a Access) (n int) {
	for _, g := range h.groups {
		if g.access == a {
			n++
		}
	}
	return n
}

// mostWishes is how many channels there are at most, and how many groups.
func mostWishes(a Access) int {
	if a == Public {
		return share(maxChannels)
	}
	return maxChannels
}

// channel finds or makes one. Only sockets, events and news have filters.
func (h *Hub) channel(key channelKey) (*channel, error) {
	if key.topic != onSockets && !key.topic.flows() {
		key.filter = ""
	}
	if c := h.channels[key]; c != nil {
		return c, nil
	}
	n := 0
	for k := range h.channels {
		if k.access == key.access {
			n++
		}
	}
	if n >= mostWishes(key.access) {
		return nil, errWishes
	}
	c := &channel{key: key}
	if err := c.parse(&h.names); err != nil {
		return nil, err
	}
	if !key.topic.flows() {
		c.seen = make(map[uint64]seenRow)
		h.advance(c)
	}
	h.channels[key] = c
	return c, nil
}

// parse reads the filter.
func (c *channel) parse(names *view.Names) (err error) {
	if c.key.filter == "" {
		return nil
	}
	if c.key.topic == onEvents {
		c.events, err = view.ParseEventFilter(c.key.filter, names)
		return err
	}
	c.filter, err = view.ParseFilter(c.key.filter, names)
	return err
}

// Leave takes a viewer away, whose queue ends. Nothing is taken from it any more.
func (h *Hub) Leave(v *viewer) {
	defer v.settle()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.leave(v)
}

func (h *Hub) leave(v *viewer) {
	if _, in := h.viewers[v]; !in {
		return
	}
	g := v.group
	if delete(h.viewers, v); len(h.viewers) == 0 {
		h.set, h.gone = nil, nil
	}
	delete(g.viewers, v)
	close(v.queue)
	if len(g.viewers) == 0 {
		delete(h.groups, g.key)
		for _, c := range g.channels {
			c.groups--
		}
		h.dropIdle()
	}
}

func (h *Hub) dropIdle() {
	for key, c := range h.channels {
		if c.groups == 0 {
			delete(h.channels, key)
		}
	}
}

// tick sends what a reading has changed, and the events that wait.
func (h *Hub) tick() {
	h.forgetWholes()
	if len(h.viewers) == 0 {
		return
	}
	for _, c := range h.channels {
		if !c.key.topic.flows() {
			c.frame = h.advance(c)
		}
	}
	h.flush(h.pulse())
	h.forgetWholes()
}

// flush sends to each group what its channels have, and the pulse behind it.
func (h *Hub) flush(pulse []byte) {
	for _, c := range h.channels {
		if len(c.waiting) > 0 {
			c.frame = frame(c.key.topic.String(), slices.Concat([]byte(`{"`+c.key.topic.String()+`":[`), c.waiting, []byte("]}")))
			c.waiting = c.waiting[:0]
		}
	}
	for _, g := range h.groups {
		var frames [][]byte
		for _, c := range g.channels {
			frames = append(frames, c.frame)
		}
		if all := slices.Concat(append(frames, pulse)...); len(all) > 0 {
			h.send(g, all)
		}
	}
	for _, c := range h.channels {
		c.frame = nil
	}
	h.flushed = h.cfg.Now()
}

// send queues frames for a group, and never waits: who does not read fast enough misses some, and gets everything anew when
// it has taken what it has.
func (h *Hub) send(g *group, frames []byte) {
	for v := range g.viewers {
		if v.lags {
			h.catchUp(v)
		} else {
			v.lags = !v.push(frames)
		}
	}
}

// catchUp gives a viewer everything, if there is room for it; else it lags until the next reading.
func (h *Hub) catchUp(v *viewer) {
	if v.lags = !v.mayCatchUp() || !v.push(h.anew(v)...); !v.lags {
		v.fresh = false
	}
}

// eventsTogether is how long events wait for others before they are sent, at most: each sending costs every viewer a write.
const eventsTogether = 250 * time.Millisecond

// tell sends events as they come, also between two readings.
func (h *Hub) tell(events []watch.Event, reading bool) {
	for _, c := range h.channels {
		if c.key.topic != onEvents || len(events) == 0 {
			continue
		}
		c.wait(h.eventsJSON(events, c.key.access, c.events))
	}
	if !reading && h.cfg.Now().Sub(h.flushed) >= eventsTogether {
		h.flush(nil)
	}
}

// wait adds objects to those that are to be sent.
func (c *channel) wait(list []byte) {
	if len(c.waiting) > 0 && len(list) > 0 {
		c.waiting = append(c.waiting, ',')
	}
	c.waiting = append(c.waiting, list...)
}

// anew is everything that a viewer is to have. Tables are the same memory for all. A viewer who was there is told that there was
// something in between, of which events are lost.
func (h *Hub) anew(v *viewer) (frames [][]byte) {
	if !v.fresh {
		frames = append(frames, frame("missed", []byte(`{}`)))
	}
	for _, c := range v.group.channels {
		if c.key.topic.flows() {
			continue
		}
		frames = append(frames, h.wholeOf(c))
	}
	return append(frames, h.pulse())
}

// pulse comes with each reading, whether something has changed or not.
func (h *Hub) pulse() []byte {
	b := appendStamp([]byte{'{'}, h.now)
	return frame("reading", append(b, '}'))
}

func appendStamp(dst []byte, p *picture) []byte {
	dst = strconv.AppendUint(append(dst, `"seq":`...), p.seq, 10)
	dst = p.time.AppendFormat(append(dst, `,"time":"`...), time.RFC3339Nano)
	return append(dst, '"')
}

// frame is an event of a stream (HTML standard, "Server-sent events"). The data has no line feed in it.
func frame(name string, data []byte) []byte {
	b := appendFrame(make([]byte, 0, len(data)+len(name)+24), name)
	return append(append(b, data...), "\n\n"...)
}

// appendFrame begins one.
func appendFrame(dst []byte, name string) []byte {
	return append(append(append(dst, "event: "...), name...), "\ndata: "...)
}

// seed is of this process: hashes go nowhere else.
var seed = maphash.MakeSeed()

// advance brings a channel up to the last reading, and returns the frame of what has changed.
func (h *Hub) advance(c *channel) []byte {
	w := h.write(c.key.topic, c.key.access)
	seq := h.now.seq
	set, gone := h.set[:0], h.gone[:0]
	h.each(c, w, func(i int) {
		id, row := w.rows[i].id, w.row(i)
		hash := maphash.Bytes(seed, row)
		if old, ok := c.seen[id]; !ok || old.hash != hash {
			set = appendRow(set, id, row)
		}
		c.seen[id] = seenRow{hash, seq}
	})
	for id, r := range c.seen {
		if r.seq != seq {
			delete(c.seen, id)
			gone = appendGone(gone, id)
		}
	}
	h.set, h.gone = set, gone // their memory is for the next one
	if len(set)+len(gone) == 0 {
		return nil
	}
	return tableFrame(c.key.topic, h.now, false, set, gone)
}

// maxWhole bounds the memory that is kept for those who come before the next reading, in bytes.
const maxWhole = 16 << 20

// wholeOf is everything, made once for those who come between two readings.
func (h *Hub) wholeOf(c *channel) []byte {
	if c.whole != nil {
		return c.whole
	}
	all := h.everything(c)
	if h.wholes+len(all) <= maxWhole || h.wholes == 0 {
		c.whole, h.wholes = all, h.wholes+len(all)
	}
	return all
}

// forgetWholes is for the end of a reading: who came has what there is.
func (h *Hub) forgetWholes() {
	for _, c := range h.channels {
		c.whole = nil
	}
	h.wholes = 0
}

// everything is the frame with all rows.
func (h *Hub) everything(c *channel) []byte {
	w := h.write(c.key.topic, c.key.access)
	set := h.set[:0]
	h.each(c, w, func(i int) { set = appendRow(set, w.rows[i].id, w.row(i)) })
	h.set = set
	return tableFrame(c.key.topic, h.now, true, set, nil)
}

// each calls f for the rows that the channel's filter lets pass.
func (h *Hub) each(c *channel, w *written, f func(int)) {
	var sockets []netstat.Socket
	if c.filter != nil {
		sockets = h.now.rows(c.key.access)
	}
	for i := range w.rows {
		if matches(c.filter, sockets, i) {
			f(i)
		}
	}
}

func appendRow(dst []byte, id uint64, row []byte) []byte {
	if len(dst) > 0 {
		dst = append(dst, ',')
	}
	dst = strconv.AppendUint(append(dst, '"'), id, 10)
	return append(append(dst, `":`...), row...)
}

func appendGone(dst []byte, id uint64) []byte {
	if len(dst) > 0 {
		dst = append(dst, ',')
	}
	return append(strconv.AppendUint(append(dst, '"'), id, 10), '"')
}

func tableFrame(t topic, p *picture, all bool, set, gone []byte) []byte {
	b := appendFrame(make([]byte, 0, len(set)+len(gone)+128), t.String())
	b = appendStamp(append(b, '{'), p)
	if all {
		b = append(b, `,"all":true`...)
	}
	b = append(append(append(b, `,"set":{`...), set...), '}')
	return append(append(append(b, `,"gone":[`...), gone...), "]}\n\n"...)
}
