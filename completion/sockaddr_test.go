package completion

import (
	"net/netip"
	"testing"
)

// FuzzSockaddr reads whatever lies there, and writes what was read: it is the same address.
func FuzzSockaddr(f *testing.F) {
	for _, a := range []string{"1.2.3.4:80", "[::1]:443", "[fe80::1%7]:9", "0.0.0.0:0"} {
		var s sockaddr
		for _, six := range []bool{false, true} {
			n, err := s.put(netip.MustParseAddrPort(a), six)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(s[:], n)
		}
	}
	f.Add([]byte{}, 0)
	f.Add([]byte{2, 0, 0, 80, 1}, 5)
	f.Fuzz(func(t *testing.T, b []byte, n int) {
		var s, back sockaddr
		copy(s[:], b)
		a := s.get(n)
		if !a.IsValid() {
			return
		}
		for _, six := range []bool{a.Addr().Is6(), true} {
			size, err := back.put(a, six)
			if err != nil {
				t.Fatal(a, err)
			}
			if again := back.get(size); again != a {
				t.Errorf("%v became %v", a, again)
			}
		}
	})
}
