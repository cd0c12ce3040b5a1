//go:build !linux && !windows

package watch

import (
	"errors"
	"fmt"
)

// infoBasis is who counted netstat.TCPInfo here.
const infoBasis = NotCounted

// openFeed is not for this system: the table cannot be opened either.
func (w *Watcher) openFeed() (feed, error) {
	if m := w.cfg.Method; m != Auto && m != Poll {
		return nil, fmt.Errorf("method %v: %w on this system", m, errors.ErrUnsupported)
	}
	return nil, nil
}
