package cli

import (
	"net/netip"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/sockeye-net/sockeye/internal/view"
	"github.com/sockeye-net/sockeye/netstat"
)

// proxy is what the command line of a container's port proxy says about the other side. Zero fields are not said.
type proxy struct {
	addr netip.Addr
	port uint16
	text string // what there is to say in words
}

// parseProxy knows the programs that hold a container's published port on the host.
func parseProxy(name string, args []string, proto netstat.Proto, port uint16) (proxy, bool) {
	if len(args) > 0 && args[0] != "" {
		name = path.Base(args[0])
	}
	switch name {
	case "docker-proxy", "rootlesskit-docker-proxy":
		return dockerProxy(args), true
	case "conmon":
		return proxy{port: 0, text: conmonText(args)}, true
	case "pasta", "pasta.avx2", "passt", "passt.avx2":
		return pastaProxy(args, proto, port), true
	case "slirp4netns":
		return proxy{text: "a container's user-mode network (" + lastWords(args) + ")"}, true
	case "rootlessport", "rootlessport-child", "rootlesskit":
		return proxy{text: "a rootless container; its engine (podman ps, docker ps) knows which one"}, true
	}
	return proxy{}, false
}

// option is the value of -name VALUE, -name=VALUE or --name of either form.
func option(args []string, name string) string {
	for i, a := range args {
		a = strings.TrimPrefix(strings.TrimPrefix(a, "-"), "-")
		if a == name && i+1 < len(args) && strings.HasPrefix(args[i], "-") {
			return args[i+1]
		}
		if v, ok := strings.CutPrefix(a, name+"="); ok && strings.HasPrefix(args[i], "-") {
			return v
		}
	}
	return ""
}

func dockerProxy(args []string) (p proxy) {
	p.addr, _ = netip.ParseAddr(option(args, "container-ip"))
	p.port = parsePort(option(args, "container-port"))
	p.text = "a Docker container at " + netip.AddrPortFrom(p.addr, p.port).String()
	return p
}

func parsePort(text string) uint16 {
	n, _ := strconv.ParseUint(text, 10, 16)
	return uint16(n)
}

func conmonText(args []string) string {
	id := option(args, "c")
	if name := option(args, "n"); name != "" {
		return strings.TrimSpace("the Podman container " + name + " " + id[:min(len(id), 12)])
	}
	return strings.TrimSpace("a Podman container " + id[:min(len(id), 12)])
}

// pastaProxy reads passt(1): -t and -u take ADDRESS/PORTS:PORTS, several with commas between them.
func pastaProxy(args []string, proto netstat.Proto, port uint16) proxy {
	flags := [2]string{"t", "tcp-ports"}
	if proto == netstat.UDP {
		flags = [2]string{"u", "udp-ports"}
	}
	p := proxy{text: "a container behind pasta (" + lastWords(args) + ")"}
	for i := range args {
		for _, f := range flags {
			for spec := range strings.SplitSeq(option(args[i:], f), ",") {
				if to := mapPort(spec, port); to != 0 {
					p.port = to
				}
			}
		}
	}
	return p
}

// mapPort is the port that FIRST-LAST:FIRST-LAST leads to; 0 when it does not speak of this one.
func mapPort(spec string, port uint16) uint16 {
	if i := strings.LastIndexByte(spec, '/'); i >= 0 {
		spec = spec[i+1:]
	}
	from, to, mapped := strings.Cut(spec, ":")
	first, last, _ := strings.Cut(from, "-")
	low, high := parsePort(first), parsePort(last)
	if low == 0 || port < low || port > max(low, high) {
		return 0
	}
	if !mapped {
		return port
	}
	first, _, _ = strings.Cut(to, "-")
	return parsePort(first) + port - low
}

// lastWords are the last arguments of a command line: where these programs name the namespace.
func lastWords(args []string) string {
	return strings.Join(args[max(1, len(args)-2):], " ")
}

// behindText says what is behind a container's proxy: the process that listens in another namespace if it can be found,
// else what the command line says.
func (e *Env) behindText(p *page, r *whoRun, a *answer, h *holding, d *netstat.Details) {
	via, ok := parseProxy(h.process.Name, d.Args, a.proto, a.port)
	if !ok {
		return
	}
	p.line("behind it", "%s", via.text)
	if via.port == 0 {
		return
	}
	found, sure := e.findBehind(r, &via, a.proto, h.sockets[0].NetNS)
	for _, s := range found {
		label := ""
		if !sure {
			label = "perhaps"
		}
		p.line(label, "%s %s", columnText(r.names, "local", s), behindOwners(r.names, s))
	}
	if len(found) == 0 {
		p.line("", "its process was not found; root sees it, if it runs on this machine")
	}
}

func behindOwners(n *view.Names, s *netstat.Socket) string {
	text := columnText(n, "owners", s)
	if unit := columnText(n, "module", s); unit != "" {
		text += " unit " + unit
	}
	return text
}

// findBehind looks for sockets that wait on the proxy's target in other network namespaces. It is sure when one namespace
// of them, and one only, has the target's address.
func (e *Env) findBehind(r *whoRun, via *proxy, proto netstat.Proto, own uint64) (found []*netstat.Socket, sure bool) {
	q := netstat.Query{Protos: netstat.Protos(1 << (proto - 1)), LocalPorts: []uint16{via.port}, Owner: netstat.OwnerModule, AllNetNS: true, Ordered: true}
	var snap netstat.Snapshot
	if r.table.Read(q, &snap) != nil {
		return nil, false
	}
	var maybe []*netstat.Socket
	for i := range snap.Sockets {
		s := &snap.Sockets[i]
		if s.NetNS == own || s.State != netstat.Listen && s.State != netstat.Unconnected || !reaches(s, via.addr) {
			continue
		}
		if e.hasAddr(s, via.addr) {
			found = append(found, s)
		} else {
			maybe = append(maybe, s)
		}
	}
	if len(found) > 0 {
		return found, !slices.ContainsFunc(found, func(s *netstat.Socket) bool { return s.NetNS != found[0].NetNS })
	}
	return maybe, false
}

// reaches reports whether packets to the address come to the socket, as far as its own address tells.
func reaches(s *netstat.Socket, to netip.Addr) bool {
	local := s.Local.Addr().Unmap()
	return !to.IsValid() || local == to.Unmap() || local.IsUnspecified() && (local.Is6() || to.Unmap().Is4())
}

// hasAddr reports whether the network namespace of one of the owners has the address.
func (e *Env) hasAddr(s *netstat.Socket, addr netip.Addr) bool {
	if !addr.IsValid() {
		return false
	}
	if s.Local.Addr().Unmap() == addr {
		return true
	}
	return slices.ContainsFunc(s.Owners, func(o netstat.Owner) bool {
		return slices.Contains(e.LocalAddrs(o.Process.PID), addr)
	})
}

// parseFibTrie finds the IPv4 addresses in the text of /proc/PID/net/fib_trie: the leaves ("|-- ADDRESS") that a line
// "/32 host LOCAL" follows.
func parseFibTrie(text string) (addrs []netip.Addr) {
	var leaf netip.Addr
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if a, ok := strings.CutPrefix(line, "|-- "); ok {
			leaf, _ = netip.ParseAddr(a)
		}
		if line == "/32 host LOCAL" && leaf.IsValid() && !slices.Contains(addrs, leaf) {
			addrs = append(addrs, leaf)
		}
	}
	return addrs
}

// parseIfInet6 finds the IPv6 addresses in the text of /proc/PID/net/if_inet6: 32 hexadecimal digits begin each line.
func parseIfInet6(text string) (addrs []netip.Addr) {
	for line := range strings.Lines(text) {
		word, _, _ := strings.Cut(line, " ")
		if len(word) != 32 {
			continue
		}
		var b [16]byte
		for i := range b {
			v, err := strconv.ParseUint(word[2*i:2*i+2], 16, 8)
			if err != nil {
				break
			}
			b[i] = byte(v)
		}
		addrs = append(addrs, netip.AddrFrom16(b))
	}
	return addrs
}

// localAddrs are the addresses in the network namespace of a process; none where that cannot be read.
func localAddrs(pid int) []netip.Addr {
	dir := "/proc/" + strconv.Itoa(pid) + "/net/"
	return append(parseFibTrie(readFile(dir+"fib_trie")), parseIfInet6(readFile(dir+"if_inet6"))...)
}
