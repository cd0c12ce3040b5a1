package watch

import "time"

// others counts for the sockets that are none of the table: raw and packet sockets. They have no events; their bytes count
// for the process that used them first.
type others map[uint64]other

type other struct {
	counted Bytes
	last    time.Time
}

// otherIdle is after how long such a socket is forgotten.
const otherIdle = 5 * time.Minute

// other counts what such a socket moved.
func (w *Watcher) other(d *datagrams) {
	o := w.others[d.socket.Cookie]
	if d.actor != nil {
		w.usage.count(w.usage.ofProcess(d.actor), Bytes{
			Sent: moved(o.counted.Sent, d.bytes.Sent), Received: moved(o.counted.Received, d.bytes.Received), Basis: d.bytes.Basis,
		})
	}
	w.others[d.socket.Cookie] = other{counted: d.bytes, last: d.last}
}

// forgetOthers forgets those that are idle for long: nothing tells of their end.
func (w *Watcher) forgetOthers(now time.Time) {
	for cookie, o := range w.others {
		if now.Sub(o.last) > otherIdle {
			delete(w.others, cookie)
			w.feed.forget(cookie)
		}
	}
}
