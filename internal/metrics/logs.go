package metrics

import (
	"encoding/json"
	"net/netip"
	"strings"
	"time"

	"github.com/sockeye-net/sockeye/watch"
)

type logsRequest struct {
	ResourceLogs []resourceLogs `json:"resourceLogs"`
}

type resourceLogs struct {
	Resource  resource    `json:"resource"`
	ScopeLogs []scopeLogs `json:"scopeLogs"`
}

type scopeLogs struct {
	Scope   scope       `json:"scope"`
	Records []logRecord `json:"logRecords"`
}

type logRecord struct {
	Time       string      `json:"timeUnixNano"`
	Observed   string      `json:"observedTimeUnixNano"`
	Severity   int         `json:"severityNumber"`
	Text       string      `json:"severityText"`
	Event      string      `json:"eventName"`
	Body       anyValue    `json:"body"`
	Attributes []attribute `json:"attributes"`
}

// SEVERITY_NUMBER_INFO and SEVERITY_NUMBER_WARN.
const (
	severityInfo = 9
	severityWarn = 13
)

func logsJSON(from resource, s scope, records []logRecord) ([]byte, error) {
	return json.Marshal(logsRequest{[]resourceLogs{{from, []scopeLogs{{s, records}}}}})
}

// logOf is an event as a log record. Attributes have the names of OpenTelemetry's semantic conventions where there are such.
// Command lines are not among them: what they hold is nobody's on another machine.
func logOf(e *watch.Event, now time.Time) logRecord {
	r := logRecord{Time: nano(e.Time), Observed: nano(now), Severity: severityInfo, Text: "INFO", Event: "sockeye." + e.Kind.String()}
	if e.Kind == watch.Overflow {
		r.Severity, r.Text = severityWarn, "WARN"
		r.Attributes = append(r.Attributes, whole("sockeye.lost", e.Lost))
	}
	r.Attributes = append(r.Attributes, text("sockeye.source", e.Source.String()))
	switch {
	case e.Link != nil:
		r.link(e)
	case e.Socket.Proto != 0:
		r.socket(e)
	default:
		r.says(e.Kind.String())
	}
	return r
}

func (r *logRecord) says(words ...string) {
	s := label(strings.Join(words, " "))
	r.Body = anyValue{String: &s}
}

func (r *logRecord) link(e *watch.Event) {
	i := e.Link.New
	if i == nil {
		i = e.Link.Old
	}
	r.Attributes = append(r.Attributes, text("network.interface.name", label(i.Name)), text("sockeye.interface.state", i.State.String()))
	r.says(e.Kind.String(), i.Name)
}

func (r *logRecord) socket(e *watch.Event) {
	s := &e.Socket
	r.Attributes = append(r.Attributes, text("network.transport", s.Proto.String()), text("network.connection.state", strings.ToLower(s.State.String())))
	if f := familyOf(s); f != 0 {
		r.Attributes = append(r.Attributes, text("network.type", map[uint8]string{4: "ipv4", 6: "ipv6"}[f]))
	}
	r.end("network.local", s.Local)
	r.end("network.peer", s.Remote)
	p := owner(s)
	if p.name != "" {
		r.Attributes = append(r.Attributes, text("process.executable.name", p.name), whole("process.pid", uint64(s.Owners[0].Process.PID)),
			text("sockeye.owner_from", e.OwnerFrom.String()))
	}
	if p.unit != "" {
		r.Attributes = append(r.Attributes, text("sockeye.unit", p.unit))
	}
	r.life(e)
	r.says(e.Kind.String(), s.Proto.String(), s.Local.String(), s.Remote.String(), p.name)
}

// end is an address, unless it is the unspecified one of a socket without a peer.
func (r *logRecord) end(name string, a netip.AddrPort) {
	if !a.IsValid() || a.Addr().IsUnspecified() && a.Port() == 0 {
		return
	}
	r.Attributes = append(r.Attributes, text(name+".address", a.Addr().String()), whole(name+".port", uint64(a.Port())))
}

func (r *logRecord) life(e *watch.Event) {
	if life, known := e.Lifetime(); known && e.Kind == watch.Closed {
		r.Attributes = append(r.Attributes, whole("sockeye.lifetime_ms", uint64(max(life, 0).Milliseconds())))
	}
	if e.Bytes.Basis != watch.NotCounted {
		r.Attributes = append(r.Attributes, whole("sockeye.rx_bytes", e.Bytes.Received), whole("sockeye.tx_bytes", e.Bytes.Sent))
	}
}
