package ports

import (
	"context"
	"slices"
	"time"

	"github.com/sockeye-net/sockeye/internal/inetdiag"
	"github.com/sockeye-net/sockeye/internal/netlink"
)

// hints are the notices that sock_diag(7) sends to everyone when a socket is destroyed; none where they are refused.
type hints struct {
	from    *netlink.Notices
	decoder inetdiag.DestroyDecoder
}

// queue holds some thousand notices; when it overflows, the table is looked at.
const queue = 1 << 20

// patience is how long a wait for notices may keep an ended context waiting.
const patience = 50 * time.Millisecond

func (h *hints) open() {
	n, err := netlink.Subscribe(netlink.Diag, queue, netlink.GroupTCPDestroy, netlink.GroupTCP6Destroy, netlink.GroupUDPDestroy, netlink.GroupUDP6Destroy)
	if err == nil {
		h.from = n
	}
}

func (h *hints) events() bool { return h.from != nil }

func (h *hints) wait(ctx context.Context, ports []uint16, while time.Duration) error {
	if h.from == nil {
		return sleep(ctx, while)
	}
	for end := time.Now().Add(while); ; {
		left := time.Until(end)
		if left <= 0 {
			return ctx.Err()
		}
		some, err := h.from.Wait(min(left, patience))
		if err != nil {
			_ = h.close()
			return sleep(ctx, left)
		}
		if ctx.Err() != nil || some && h.concerns(ports) {
			return ctx.Err()
		}
	}
}

// concerns takes what waits, and reports whether one of the ports is in it, or may be.
func (h *hints) concerns(ports []uint16) bool {
	found := false
	lost, err := h.from.Receive(func(batch []byte) error {
		return h.decoder.Decode(batch, func(d *inetdiag.Destroyed) {
			found = found || slices.Contains(ports, d.LocalPort)
		})
	})
	return found || lost || err != nil
}

func (h *hints) close() error {
	if h.from == nil {
		return nil
	}
	err := h.from.Close()
	h.from = nil
	return err
}
