package pipe

import (
	"slices"

	"github.com/sockeye-net/sockeye/internal/unixpipe"
)

func (e *end) peer(*Conn) (id Identity, err error) {
	err = e.control(func(fd int) error {
		p, err := unixpipe.PeerOf(fd)
		if err != nil {
			return err
		}
		id = Identity{PID: p.PID, User: idText(p.UID), UID: p.UID, GID: p.GID}
		id.Groups, err = unixpipe.PeerGroups(fd)
		return err
	})
	return id, err
}

// impersonate runs f as the client. A thread that cannot go back is spoilt, and ends.
func (e *end) impersonate(c *Conn, t *thread, f func() error) (err error) {
	id, err := e.peer(c)
	if err != nil {
		return wrap("impersonate", c.name, err)
	}
	self, err := unixpipe.Self()
	if err != nil {
		return wrap("impersonate", c.name, err)
	}
	who := unixpipe.Who{UID: id.UID, GID: id.GID, Groups: id.Groups}
	if who.UID == self.UID && who.GID == self.GID && slices.Equal(who.Groups, self.Groups) {
		return f() // it is who it shall be, and may lack the privilege to say so
	}
	changed, err := unixpipe.Become(who)
	defer func() {
		if changed && unixpipe.Return(self) != nil {
			t.spoilt = true
		}
	}()
	if err != nil {
		return wrap("impersonate", c.name, opening(err))
	}
	return f()
}
