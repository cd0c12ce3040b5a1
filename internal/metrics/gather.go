package metrics

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"github.com/sockeye-net/sockeye/ifstat"
	"github.com/sockeye-net/sockeye/watch"
)

// gather is all series as they are now, in a fixed order.
func (m *Metrics) gather() []family {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := []family{m.build(), m.socketGauge()}
	all = append(all, m.programFamilies()...)
	all = append(all, m.interfaceFamilies()...)
	return append(all, m.ownFamilies()...)
}

func (m *Metrics) build() family {
	f := family{name: "sockeye_build_info", help: "Which sockeye this is; always 1."}
	f.add(count(1), "version", label(m.cfg.Version))
	return f
}

func (m *Metrics) socketGauge() family {
	f := family{name: "sockeye_sockets", help: "Sockets that listen or are connected, and all UDP sockets.", unit: "{socket}"}
	for k, n := range m.sockets {
		f.add(count(n), "proto", k.proto.String(), "family", strconv.Itoa(int(k.family)), "state", k.state.String())
	}
	f.sort()
	return f
}

func (f *family) sort() {
	slices.SortFunc(f.points, func(a, b point) int { return slices.Compare(a.labels, b.labels) })
}

// perProgram are the families with a series for each program.
var perProgram = []struct {
	name, help, unit string
	kind             kind
	of               func(*account) uint64
}{
	{"sockeye_program_sockets", "Sockets that the program holds.", "{socket}", gauge, func(a *account) uint64 { return a.open }},
	{"sockeye_program_uncounted_sockets", "Sockets of the program whose bytes the system does not tell.", "{socket}", gauge,
		func(a *account) uint64 { return a.uncounted }},
	{"sockeye_program_opened_total", "Connections and UDP sockets that the program opened or accepted.", "{socket}", counter,
		func(a *account) uint64 { return a.opened }},
	{"sockeye_program_closed_total", "Connections and UDP sockets of the program that were closed.", "{socket}", counter,
		func(a *account) uint64 { return a.closed }},
	{"sockeye_program_receive_bytes_total", "Payload that the program's sockets received.", "By", counter,
		func(a *account) uint64 { return a.received }},
	{"sockeye_program_transmit_bytes_total", "Payload that the program's sockets sent.", "By", counter,
		func(a *account) uint64 { return a.sent }},
}

// otherPrograms is the label of what has no series of its own. A program that takes this name has none.
const otherPrograms = "(other programs)"

func (m *Metrics) programFamilies() (all []family) {
	list := make([]program, 0, len(m.programs))
	for p := range m.programs {
		list = append(list, p)
	}
	slices.SortFunc(list, func(a, b program) int { return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.unit, b.unit)) })
	for i := range perProgram {
		d := &perProgram[i]
		f := family{name: d.name, help: d.help, unit: d.unit, kind: d.kind}
		for _, p := range list {
			f.add(count(d.of(m.programs[p])), "program", p.name, "unit", p.unit)
			f.points[len(f.points)-1].since = m.programs[p].since
		}
		if m.folded > 0 {
			f.add(count(d.of(&m.other)), "program", otherPrograms, "unit", "")
		}
		all = append(all, f)
	}
	return all
}

// perInterface are the counters of interfaces.
var perInterface = []struct {
	name, help, unit string
	of               func(*ifstat.Counters) uint64
}{
	{"sockeye_network_receive_bytes_total", "Bytes of whole frames that the interface received.", "By", func(c *ifstat.Counters) uint64 { return c.RxBytes }},
	{"sockeye_network_transmit_bytes_total", "Bytes of whole frames that the interface sent.", "By", func(c *ifstat.Counters) uint64 { return c.TxBytes }},
	{"sockeye_network_receive_packets_total", "Packets that the interface received.", "{packet}", func(c *ifstat.Counters) uint64 { return c.RxPackets }},
	{"sockeye_network_transmit_packets_total", "Packets that the interface sent.", "{packet}", func(c *ifstat.Counters) uint64 { return c.TxPackets }},
	{"sockeye_network_receive_errors_total", "Errors of the interface while receiving.", "{error}", func(c *ifstat.Counters) uint64 { return c.RxErrors }},
	{"sockeye_network_transmit_errors_total", "Errors of the interface while sending.", "{error}", func(c *ifstat.Counters) uint64 { return c.TxErrors }},
	{"sockeye_network_receive_dropped_total", "Packets that were dropped on their way in.", "{packet}", func(c *ifstat.Counters) uint64 { return c.RxDropped }},
	{"sockeye_network_transmit_dropped_total", "Packets that were dropped on their way out.", "{packet}", func(c *ifstat.Counters) uint64 { return c.TxDropped }},
}

func (m *Metrics) interfaceFamilies() (all []family) {
	labels := m.interfaceLabels()
	up := family{name: "sockeye_network_up", help: "Whether packets can pass the interface."}
	for i, l := range labels {
		up.add(count(map[bool]uint64{true: 1}[m.interfaces[i].works]), l...)
	}
	all = append(all, up)
	for i := range perInterface {
		d := &perInterface[i]
		f := family{name: d.name, help: d.help, unit: d.unit, kind: counter}
		for j, l := range labels {
			f.add(count(d.of(&m.interfaces[j].Counters)), l...)
		}
		all = append(all, f)
	}
	return all
}

// interfaceLabels name the interfaces. Whether their network namespace is a label does not depend on what there is now: series would
// change their names when another namespace comes.
func (m *Metrics) interfaceLabels() (all [][]string) {
	for i := range m.interfaces {
		l := []string{"device", m.interfaces[i].device}
		if m.cfg.AllNetNS {
			l = append(l, "netns", strconv.FormatUint(m.interfaces[i].netns, 10))
		}
		all = append(all, l)
	}
	return all
}

// ownFamilies are about the watch itself.
func (m *Metrics) ownFamilies() []family {
	events := family{name: "sockeye_events_total", help: "Events of sockets and interfaces.", unit: "{event}", kind: counter}
	for k := watch.Opened; k <= watch.Repaired; k++ {
		events.add(count(m.events[k]), "event", k.String())
	}
	all := []family{events,
		single("sockeye_events_lost_total", "Events that an overflow of the kernel's queue lost, as far as it tells.", "{event}", counter, count(m.lost)),
		single("sockeye_readings_total", "Readings of the socket table.", "{reading}", counter, count(m.readings)),
		single("sockeye_series_folded_total", "Figures that found no series of their own, because there are too many programs or interfaces.",
			"{figure}", counter, count(m.folded)),
		single("sockeye_start_time_seconds", "When this sockeye began to count.", "s", gauge, number(seconds(m.start)))}
	if !m.last.IsZero() {
		all = append(all, single("sockeye_last_reading_time_seconds", "When the socket table was last read.", "s", gauge, number(seconds(m.last))))
	}
	return append(all, m.pushed.families()...)
}

func single(name, help, unit string, k kind, v value) family {
	return family{name: name, help: help, unit: unit, kind: k, points: []point{{value: v}}}
}

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
