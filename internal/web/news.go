package web

import (
	"github.com/sockeye-net/sockeye/internal/alert"
	"github.com/sockeye-net/sockeye/internal/history"
	"github.com/sockeye-net/sockeye/internal/view"
	"github.com/sockeye-net/sockeye/netstat"
)

// News has viewers of the topic news told, with the next reading. details knows the processes of the news, of which some have
// ended by now. It may be called from any goroutine.
func (h *Hub) News(list []history.News, details func(*netstat.Process) (netstat.Details, bool)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	names := view.Names{UserName: h.names.UserName, InterfaceName: h.names.InterfaceName, Details: details}
	for _, c := range h.channels {
		if c.key.topic == onNews {
			c.wait(alert.JSON(list, names, c.filter))
		}
	}
}
