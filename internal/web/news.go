package web

import (
	"github.com/sockeye-net/sockeye/internal/alert"
	"github.com/sockeye-net/sockeye/internal/history"
)

// News has viewers of the topic news told, with the next reading. It may be called from any goroutine.
func (h *Hub) News(list []history.News) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range h.channels {
		if c.key.topic == onNews {
			c.wait(alert.JSON(list, &h.names, c.filter))
		}
	}
}
