package cli

import (
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/sockeye-net/sockeye/internal/ports"
	"github.com/sockeye-net/sockeye/netstat"
)

// bindingName is "tcp port 8080", or with the address that was asked for.
func bindingName(v *ports.Verdict) string {
	if !v.Addr.IsValid() {
		return fmt.Sprintf("%s port %d", v.Proto, v.Port)
	}
	return fmt.Sprintf("%s port %d at %s", v.Proto, v.Port, v.Addr)
}

// text answers every question in turn: the verdict, what stands in the way and what to do, what is good to know, and what was
// tried.
func (w *reasons) text() string {
	var p page
	for _, v := range w.verdicts {
		p.title("%s: %s", bindingName(v), verdictText(v))
		said := map[string]bool{}
		for i := range v.Causes {
			c := &v.Causes[i]
			label := c.Kind.String()
			if !c.Hinders {
				label = "note"
			}
			p.line(label, "%s", w.says(v, c))
			if do := w.remedy(v, c); do != "" && !said[do] {
				said[do] = true
				p.line("", "-> %s", do)
			}
		}
		if tried := triedText(v); tried != "" {
			p.line("tried", "%s", tried)
		}
	}
	return p.String()
}

func verdictText(v *ports.Verdict) string {
	switch {
	case v.Bindable:
		return "can be bound"
	case v.ByReuse:
		return "can be bound only " + ports.Reusing
	}
	return "cannot be bound"
}

// triedText is "0.0.0.0 no, [::] no, [::] v6only yes": each address once, where the answers are not all yes.
func triedText(v *ports.Verdict) string {
	var words []string
	for _, t := range v.Tests {
		if t.Bind.Reuse || t.Bind.Share {
			continue
		}
		word := t.Bind.String() + " yes"
		if t.Err != nil {
			word = t.Bind.String() + " " + triedWord(ports.TroubleOf(t.Err), v, t.Bind)
		}
		words = append(words, word)
	}
	return strings.Join(words, ", ")
}

// triedWord is no, or what the answer depends on.
func triedWord(t ports.Trouble, v *ports.Verdict, b ports.Bind) string {
	reuse := func(o ports.Test) bool {
		return o.Bind.Addr == b.Addr && o.Bind.V6Only == b.V6Only && o.Bind.Reuse && o.Err == nil
	}
	switch {
	case slices.ContainsFunc(v.Tests, reuse):
		return ports.Reusing
	case t == ports.NoFamily, t == ports.NoAddress:
		return "none here"
	case t == ports.NotPermitted:
		return "not permitted"
	}
	return "no"
}

// says is the cause as a sentence.
func (w *reasons) says(v *ports.Verdict, c *ports.Cause) string {
	switch c.Kind {
	case ports.Owner, ports.Kernel:
		return w.holderText(v, c)
	case ports.Connection:
		return fmt.Sprintf("%s with this port at this end%s, and nobody listens", countStates(c.Sockets), w.holdersOf(c.Sockets))
	case ports.TimeWait:
		return fmt.Sprintf("%s: closed, the kernel keeps the port for late packets, a minute at most", countStates(c.Sockets))
	case ports.Unlisted:
		return "in use, but by no socket that is shown: one that is bound and neither listens nor is connected, which this system shows to root only"
	case ports.Privilege:
		text := fmt.Sprintf("ports below %d (net.ipv4.ip_unprivileged_port_start) need root or CAP_NET_BIND_SERVICE", w.policy.Privilege)
		if !c.Hinders {
			text += "; this program may"
		}
		return text
	case ports.Forbidden:
		return "no rule about ports forbids it, so a security policy does: SELinux, Landlock, or a BPF program on the control group (systemd's SocketBindDeny=)"
	case ports.Excluded:
		return "nobody has it, and Windows gives it to nobody: it is in an excluded port range, as Hyper-V, WSL and Docker make them"
	case ports.Address:
		return fmt.Sprintf("%s is not an address of this machine", wantedAddr(v))
	case ports.Family:
		return "this machine has no such addresses (IPv6 is off)"
	case ports.Picked:
		text := fmt.Sprintf("in the ephemeral range %v: the system may give it to an outgoing connection at any time", w.policy.Ephemeral)
		if w.policy.Assumed {
			text += " (the range is Windows' default; netsh interface ipv4 show dynamicport tcp tells)"
		}
		return text
	case ports.Reserved:
		r, _ := ports.In(w.policy.Reserved, v.Port)
		return fmt.Sprintf("reserved by net.ipv4.ip_local_reserved_ports (%v): no outgoing connection gets it, and whoever asks for it may bind it", r)
	}
	return ""
}

func wantedAddr(v *ports.Verdict) string {
	if v.Addr.IsValid() {
		return v.Addr.String()
	}
	return "the wildcard"
}

// holderText is "nginx[4242] listens on 0.0.0.0:8080, all addresses of IPv4 (unit nginx.service)".
func (w *reasons) holderText(v *ports.Verdict, c *ports.Cause) string {
	s := c.Sockets[0]
	text := fmt.Sprintf("%s %s %s", w.holder(c.Kind, s), holdingVerb(s), appendPlace(w.names, s))
	if more := relationText(v, c, s); more != "" {
		text += ", " + more
	}
	if unit := firstModule(s); unit != "" && len(s.Owners) > 0 {
		text += " (unit " + unit + ")"
	}
	if c.Shared {
		text += "; by SO_REUSEPORT, which other programs of the same user can join"
	}
	return text
}

// holder names who has a socket.
func (w *reasons) holder(kind ports.Kind, s *netstat.Socket) string {
	names := strings.Fields(ownersText(s))
	switch {
	case kind == ports.Kernel:
		return "the kernel itself (no process has it open)"
	case len(names) > 0:
		return joinAnd(names)
	case s.Missing.Hides():
		return "a process" + userAndUnit(w.names, s) + " that may not be seen"
	}
	return "nobody (" + s.Missing.String() + ")"
}

func holdingVerb(s *netstat.Socket) string {
	one := map[bool]string{true: "listens on", false: "listen on"}
	switch s.State {
	case netstat.Bound:
		one = map[bool]string{true: "is bound, and does not listen, at", false: "are bound, and do not listen, at"}
	case netstat.Established:
		one = map[bool]string{true: "has a connected UDP socket at", false: "have a connected UDP socket at"}
	}
	return one[len(strings.Fields(ownersText(s))) < 2]
}

func relationText(v *ports.Verdict, c *ports.Cause, s *netstat.Socket) string {
	switch c.Relation {
	case ports.Covers:
		return "a wildcard, which covers every address"
	case ports.DualStack:
		return "a wildcard of IPv6, which covers those of IPv4 too (IPV6_V6ONLY is off)"
	case ports.V6Only:
		return "for IPv6 only (IPV6_V6ONLY): IPv4 is free beside it"
	case ports.Within:
		return "which is among the wanted addresses: a wildcard does not go beside it"
	case ports.Apart:
		return "another address, which does not matter"
	case ports.Same:
		if !v.Addr.IsValid() && s.Local.Addr() == ip6Any {
			return "all addresses of IPv6, and of IPv4 too where IPV6_V6ONLY is off"
		}
	}
	return ""
}

var ip6Any = ports.Everywhere(netstat.TCP, netstat.IPv6)[0].Addr

// holdersOf names the processes of several sockets: " (curl[99], nc[100])".
func (w *reasons) holdersOf(sockets []*netstat.Socket) string {
	var list []string
	for _, s := range sockets {
		list = append(list, strings.Fields(ownersText(s))...)
	}
	if list = distinct(list); len(list) == 0 {
		return ""
	}
	if len(list) > fewRows {
		list = append(list[:fewRows], "...")
	}
	return " (" + strings.Join(list, ", ") + ")"
}

// remedy is what to do about it.
func (w *reasons) remedy(v *ports.Verdict, c *ports.Cause) string {
	port := strconv.Itoa(int(v.Port))
	if v.Proto == netstat.UDP {
		port += "/udp"
	}
	switch c.Kind {
	case ports.Owner:
		return w.ownerRemedy(c, port)
	case ports.Kernel:
		if v.Proto == netstat.UDP {
			return "find its interface: ip -d link (wireguard, vxlan, l2tp), and take another port or take it down"
		}
		return "find the service in the kernel (rpcinfo -p), or take another port: sockeye free"
	case ports.Connection:
		if w.policy.Picked(v.Port) {
			return "the system gave it to an outgoing connection: take a port outside " + w.policy.Ephemeral.String() + ", reserve this one (" + w.reserving(v) + "), or close it (sockeye close sport = " + strconv.Itoa(int(v.Port)) + ")"
		}
		return reuseHint(v) + "wait until it is over, or close it: sockeye close sport = " + strconv.Itoa(int(v.Port))
	case ports.TimeWait:
		return w.timeWaitRemedy(v, c, port)
	case ports.Unlisted:
		return "run this with sudo; or take another port: sockeye free"
	case ports.Privilege:
		if !c.Hinders {
			return ""
		}
		return "run the program with sudo, or let it: setcap cap_net_bind_service=+ep PROGRAM; or for all: sysctl net.ipv4.ip_unprivileged_port_start=" + strconv.Itoa(int(v.Port))
	case ports.Forbidden:
		return "with SELinux: semanage port -l, and ausearch -m avc; else look at the unit's SocketBindDeny= and SocketBindAllow="
	case ports.Excluded:
		return "see netsh interface ipv4 show excludedportrange protocol=" + v.Proto.String() + "; take a port outside, or, as Administrator, net stop winnat, bind, net start winnat"
	case ports.Address:
		return "see ip address for those it has; net.ipv4.ip_nonlocal_bind=1 allows others"
	case ports.Picked:
		if c.Hinders || v.Bindable {
			return "for a server take one outside, or reserve it: " + w.reserving(v)
		}
	}
	return ""
}

// timeWaitRemedy: SO_REUSEADDR is heeded where the connections were of a program that had set it too.
func (w *reasons) timeWaitRemedy(v *ports.Verdict, c *ports.Cause, port string) string {
	wait := "wait: sockeye wait " + port + " --free --strict --timeout 90s; or close them: sudo sockeye close state time-wait and sport = " + strconv.Itoa(int(v.Port))
	switch {
	case !c.Hinders:
		return ""
	case v.ByReuse:
		return reuseHint(v) + "or " + wait
	}
	return wait + " (SO_REUSEADDR does not help: their own program had not set it)"
}

// reuseHint is for those whom it helps.
func reuseHint(v *ports.Verdict) string {
	if !v.ByReuse {
		return ""
	}
	return "bind " + ports.Reusing + ", "
}

// reserving is the command that keeps a port from outgoing connections, beside those that are reserved already.
func (w *reasons) reserving(v *ports.Verdict) string {
	if runtime.GOOS == "windows" {
		return fmt.Sprintf("netsh interface ipv4 add excludedportrange protocol=%v startport=%d numberofports=1", v.Proto, v.Port)
	}
	list := strconv.Itoa(int(v.Port))
	for _, r := range slices.Backward(w.policy.Reserved) {
		list = r.String() + "," + list
	}
	return "sysctl net.ipv4.ip_local_reserved_ports=" + list
}

func (w *reasons) ownerRemedy(c *ports.Cause, port string) string {
	s := c.Sockets[0]
	switch {
	case !c.Hinders:
		return ""
	case len(s.Owners) == 0:
		return "see who it is: sudo sockeye who " + port + "; or take another port: sockeye free"
	case s.Owners[0].Process.PID == 1:
		return "systemd listens for a unit: systemctl list-sockets, then systemctl stop that socket"
	}
	do := "end it: sockeye kill " + port
	if unit := firstModule(s); strings.HasSuffix(unit, ".service") {
		do = "stop its unit: systemctl stop " + unit
	}
	if c.Relation == ports.Within {
		do += "; or bind another address than the wildcard"
	}
	return do + "; or take another port: sockeye free"
}

// firstModule is the unit of a socket, or of the process that holds it.
func firstModule(s *netstat.Socket) string {
	if s.Module != "" || len(s.Owners) == 0 {
		return s.Module
	}
	return s.Owners[0].Process.Module
}
