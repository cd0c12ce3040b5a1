package watch

import (
	"errors"
	"fmt"
)

// infoBasis is who counted netstat.TCPInfo here.
const infoBasis = FromEStats

// openFeed has nothing to open: Windows tells nobody of connections but through event tracing.
func (w *Watcher) openFeed() (feed, error) {
	if m := w.cfg.Method; m != Auto && m != Poll {
		return nil, fmt.Errorf("method %v: %w on Windows", m, errors.ErrUnsupported)
	}
	return nil, nil
}
