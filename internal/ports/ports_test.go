package ports

import (
	"context"
	"errors"
	"net/netip"
	"reflect"
	"slices"
	"testing"

	"github.com/sockeye-net/sockeye/netstat"
)

func TestParseRange(t *testing.T) {
	for text, want := range map[string]Range{"80": {80, 80}, "1-65535": {1, 65535}, "8000-8100": {8000, 8100}} {
		if got, err := ParseRange(text); got != want || err != nil || got.String() != text {
			t.Errorf("%s: %v %v", text, got, err)
		}
	}
	for _, text := range []string{"", "-", "0", "0-5", "9-8", "1-65536", "a", "1-2-3", " 1", "+1"} {
		if got, err := ParseRange(text); err == nil {
			t.Errorf("%q: %v", text, got)
		}
	}
	list, err := ParseRanges("8080,9148-9150,\n")
	if err != nil || !reflect.DeepEqual(list, []Range{{8080, 8080}, {9148, 9150}}) {
		t.Errorf("%v %v", list, err)
	}
	if list, err := ParseRanges("\n"); len(list) != 0 || err != nil {
		t.Errorf("%v %v", list, err)
	}
	if _, err := ParseRanges("1,x"); err == nil {
		t.Error("x is a range")
	}
	if (Range{}).Contains(0) {
		t.Error("the zero range has a port")
	}
}

func FuzzParseRanges(f *testing.F) {
	for _, s := range []string{"", "8080,9148-9150", "1-65535", "2-1", "-", ",,", "32768\t60999"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		list, _ := ParseRanges(text)
		for _, r := range list {
			if r.First == 0 || r.First > r.Last {
				t.Errorf("%q: %v", text, r)
			}
			if again, err := ParseRange(r.String()); again != r || err != nil {
				t.Errorf("%v: %v %v", r, again, err)
			}
		}
	})
}

func TestReadPolicy(t *testing.T) {
	p, errs := ReadPolicy()
	if errors.Is(errors.Join(errs...), errors.ErrUnsupported) {
		t.Skip("not on this system")
	}
	if len(errs) > 0 || p.Ephemeral.First == 0 {
		t.Errorf("%+v %v", p, errs)
	}
}

func TestPicked(t *testing.T) {
	p := Policy{Ephemeral: Range{100, 200}, Reserved: []Range{{150, 160}}}
	for port, want := range map[uint16]bool{99: false, 100: true, 149: true, 155: false, 200: true, 201: false} {
		if p.Picked(port) != want {
			t.Errorf("%d: %v", port, !want)
		}
	}
}

func TestFind(t *testing.T) {
	p := Policy{Ephemeral: Range{20, 29}, Reserved: []Range{{15, 15}, {25, 25}}}
	try := func(_ []Bind, port uint16) error {
		switch port {
		case 10, 21:
			return &BindError{Trouble: InUse}
		case 11:
			return &BindError{Trouble: NotPermitted}
		case 40:
			return errors.New("odd")
		}
		return nil
	}
	for name, c := range map[string]struct {
		s    Search
		want Found
	}{
		"lowest":    {Search{Range: Range{9, 40}, Count: 3}, Found{Ports: []uint16{9, 12, 13}, Ephemeral: 9, Reserved: 2, InUse: 1, NotPermitted: 1}},
		"ephemeral": {Search{Range: Range{20, 25}, Count: 3, Ephemeral: true}, Found{Ports: []uint16{20, 22, 23}, Reserved: 1, InUse: 1}},
		"reserved":  {Search{Range: Range{15, 25}, Count: 9, Reserved: true}, Found{Ports: []uint16{15, 16, 17, 18, 19, 25}, Ephemeral: 5}},
		"none":      {Search{Range: Range{10, 11}, Count: 1}, Found{InUse: 1, NotPermitted: 1}},
		"last":      {Search{Range: Range{65535, 65535}, Count: 1}, Found{Ports: []uint16{65535}}},
	} {
		c.s.try = try
		got, err := c.s.Find(context.Background(), &p)
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, %v; want %+v", name, got, err, c.want)
		}
	}
	got, _ := Search{Range: Range{40, 40}, Count: 1, try: try}.Find(context.Background(), &p)
	if got.Err == nil {
		t.Error("an error was lost")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := (Search{Range: Range{1, 9}, Count: 1, try: try}).Find(ctx, &p); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// TestScattered: two searches mostly differ, and find nothing twice.
func TestScattered(t *testing.T) {
	s := Search{Range: Range{1, 60000}, Count: 50, Scattered: true, try: func([]Bind, uint16) error { return nil }}
	a, _ := s.Find(context.Background(), &Policy{})
	b, _ := s.Find(context.Background(), &Policy{})
	if slices.Equal(a.Ports, b.Ports) || len(a.Ports) != 50 {
		t.Errorf("%v %v", a.Ports, b.Ports)
	}
	slices.Sort(a.Ports)
	if len(slices.Compact(a.Ports)) != 50 {
		t.Error("a port came twice")
	}
}

func at(proto netstat.Proto, state netstat.State, local string) netstat.Socket {
	return netstat.Socket{Proto: proto, State: state, Local: netip.MustParseAddrPort(local), Owners: []netstat.Owner{{Process: &netstat.Process{PID: 7, Name: "x"}}}}
}

// tests makes those of Try from words: an address with a sign for each form that works: s strictly, r with reuse, p with
// SO_REUSEPORT.
func tests(proto netstat.Proto, words ...string) (list []Test) {
	for i := 0; i < len(words); i += 2 {
		b := Bind{Proto: proto, Addr: netip.MustParseAddr(words[i])}
		if words[i+1] == "none" {
			list = append(list, Test{b, &BindError{Trouble: NoFamily}})
			continue
		}
		if words[i+1] == "denied" {
			list = append(list, Test{b, &BindError{Trouble: NotPermitted}})
			continue
		}
		for _, form := range "srp" {
			b.Reuse, b.Share = form == 'r', form == 'p'
			var err error
			if !slices.Contains([]rune(words[i+1]), form) {
				err = &BindError{Trouble: InUse}
			}
			list = append(list, Test{b, err})
			if err == nil {
				break
			}
		}
	}
	return list
}

// TestExplain: what is concluded from tests and rows. That the kernel answers so is for TestTheKernel.
func TestExplain(t *testing.T) {
	tcp, udp := netstat.TCP, netstat.UDP
	everywhere := []string{"0.0.0.0", "", "::", ""}
	for name, c := range map[string]struct {
		addr     string
		proto    netstat.Proto
		port     uint16
		tests    []string
		sockets  []netstat.Socket
		want     []string
		bindable bool
		byReuse  bool
	}{
		"free":           {port: 9000, tests: []string{"0.0.0.0", "s", "::", "s"}, bindable: true},
		"owner":          {port: 9000, tests: everywhere, sockets: []netstat.Socket{at(tcp, netstat.Listen, "0.0.0.0:9000")}, want: []string{"owner same !"}},
		"within":         {port: 9000, tests: everywhere, sockets: []netstat.Socket{at(tcp, netstat.Listen, "10.0.0.1:9000")}, want: []string{"owner within !"}},
		"shared":         {port: 9000, tests: []string{"0.0.0.0", "p", "::", "p"}, sockets: []netstat.Socket{at(tcp, netstat.Listen, "[::]:9000")}, want: []string{"owner same ! +"}},
		"v6only":         {port: 9000, tests: []string{"0.0.0.0", "s", "::", ""}, sockets: []netstat.Socket{at(tcp, netstat.Listen, "[::]:9000")}, want: []string{"owner v6only !"}},
		"other protocol": {port: 9000, tests: []string{"0.0.0.0", "s", "::", "s"}, sockets: []netstat.Socket{at(udp, netstat.Unconnected, "[::]:9000")}, bindable: true},
		"other port":     {port: 9000, tests: []string{"0.0.0.0", "s", "::", "s"}, sockets: []netstat.Socket{at(tcp, netstat.Listen, "[::]:9001")}, bindable: true},
		"covers":         {addr: "10.0.0.1", port: 9000, tests: []string{"10.0.0.1", ""}, sockets: []netstat.Socket{at(tcp, netstat.Listen, "0.0.0.0:9000")}, want: []string{"owner covers !"}},
		"dual":           {addr: "10.0.0.1", port: 9000, tests: []string{"10.0.0.1", ""}, sockets: []netstat.Socket{at(tcp, netstat.Listen, "[::]:9000")}, want: []string{"owner dual_stack !"}},
		"v6only beside":  {addr: "10.0.0.1", port: 9000, tests: []string{"10.0.0.1", "s"}, sockets: []netstat.Socket{at(tcp, netstat.Listen, "[::]:9000")}, want: []string{"owner v6only"}, bindable: true},
		"apart":          {addr: "10.0.0.1", port: 9000, tests: []string{"10.0.0.1", "s"}, sockets: []netstat.Socket{at(tcp, netstat.Listen, "10.0.0.2:9000")}, want: []string{"owner apart"}, bindable: true},
		"apart families": {addr: "::1", port: 9000, tests: []string{"::1", "s"}, sockets: []netstat.Socket{at(tcp, netstat.Listen, "127.0.0.1:9000")}, want: []string{"owner apart"}, bindable: true},
		"mapped":         {addr: "127.0.0.1", port: 9000, tests: []string{"127.0.0.1", ""}, sockets: []netstat.Socket{at(tcp, netstat.Listen, "[::ffff:127.0.0.1]:9000")}, want: []string{"owner same !"}},
		"bound":          {port: 9000, tests: everywhere, sockets: []netstat.Socket{at(tcp, netstat.Bound, "127.0.0.1:9000")}, want: []string{"owner within !"}},
		"kernel": {proto: udp, port: 5182, tests: everywhere, want: []string{"kernel same !"},
			sockets: []netstat.Socket{{Proto: udp, State: netstat.Unconnected, Local: netip.MustParseAddrPort("0.0.0.0:5182"), Missing: netstat.MissingNoHolder}}},
		"udp connected": {proto: udp, port: 5182, tests: everywhere, want: []string{"owner within !"}, sockets: []netstat.Socket{at(udp, netstat.Established, "127.0.0.1:5182")}},
		"time wait": {port: 9000, tests: []string{"0.0.0.0", "r", "::", "r"}, sockets: []netstat.Socket{at(tcp, netstat.TimeWait, "10.0.0.1:9000"), at(tcp, netstat.TimeWait, "10.0.0.1:9000")},
			want: []string{"time_wait ! x2"}, byReuse: true},
		"connection": {port: 9000, tests: everywhere, sockets: []netstat.Socket{at(tcp, netstat.Established, "10.0.0.1:9000")}, want: []string{"connection !"}},
		"of a client": {port: 40000, tests: everywhere, sockets: []netstat.Socket{at(tcp, netstat.Established, "10.0.0.1:40000")},
			want: []string{"connection !", "ephemeral"}},
		"elsewhere":      {addr: "10.0.0.2", port: 9000, tests: []string{"10.0.0.2", ""}, sockets: []netstat.Socket{at(tcp, netstat.Established, "10.0.0.1:9000")}, want: []string{"unlisted !", "connection"}},
		"of the server":  {port: 9000, tests: everywhere, sockets: []netstat.Socket{at(tcp, netstat.Established, "10.0.0.1:9000"), at(tcp, netstat.Listen, "0.0.0.0:9000")}, want: []string{"owner same !"}},
		"unlisted":       {port: 9000, tests: everywhere, want: []string{"unlisted !"}},
		"privilege":      {port: 80, tests: []string{"0.0.0.0", "denied", "::", "denied"}, want: []string{"privilege !"}},
		"may":            {port: 80, tests: []string{"0.0.0.0", "s", "::", "s"}, want: []string{"privilege"}, bindable: true},
		"owner and root": {port: 80, tests: []string{"0.0.0.0", "denied", "::", "denied"}, sockets: []netstat.Socket{at(tcp, netstat.Listen, "0.0.0.0:80")}, want: []string{"owner same !", "privilege !"}},
		"reserved":       {port: 35000, tests: []string{"0.0.0.0", "s", "::", "s"}, want: []string{"reserved"}, bindable: true},
		"ephemeral":      {port: 40000, tests: []string{"0.0.0.0", "s", "::", "s"}, want: []string{"ephemeral"}, bindable: true},
		"no IPv6":        {port: 9000, tests: []string{"0.0.0.0", "s", "::", "none"}, bindable: true},
		"no IPv6, taken": {port: 9000, tests: []string{"0.0.0.0", "", "::", "none"}, sockets: []netstat.Socket{at(tcp, netstat.Listen, "127.0.0.1:9000")}, want: []string{"owner within !"}},
		"IPv6 wanted":    {addr: "::1", port: 9000, tests: []string{"::1", "none"}, want: []string{"family !"}},
	} {
		q := Question{Proto: c.proto, Port: c.port}
		if q.Proto == 0 {
			q.Proto = tcp
		}
		if c.addr != "" {
			q.Addr = netip.MustParseAddr(c.addr)
		}
		policy := Policy{Ephemeral: Range{32768, 60999}, Reserved: []Range{{35000, 35000}}, Privilege: 1024}
		v := Explain(q, tests(q.Proto, c.tests...), c.sockets, &policy)
		if got := words(v); !slices.Equal(got, c.want) || v.Bindable != c.bindable || v.ByReuse != c.byReuse {
			t.Errorf("%s: %q, bindable %v, by reuse %v; want %q", name, got, v.Bindable, v.ByReuse, c.want)
		}
	}
}

// words are the causes in short: "!" hinders, "+" can be shared.
func words(v *Verdict) (list []string) {
	for _, c := range v.Causes {
		text := c.Kind.String()
		if c.Relation != 0 {
			text += " " + c.Relation.String()
		}
		if c.Hinders {
			text += " !"
		}
		if c.Shared {
			text += " +"
		}
		if len(c.Sockets) > 1 {
			text += " x2"
		}
		list = append(list, text)
	}
	return list
}
