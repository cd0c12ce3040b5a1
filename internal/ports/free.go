package ports

import (
	"context"
	"math/rand/v2"
)

// Search is a search for ports that can be bound now.
type Search struct {
	Range Range // where
	Count int   // how many are wanted
	Ways  []Bind

	Ephemeral, Reserved bool // those that Policy speaks of are good, too
	Scattered           bool // in no order, so that two who search at once mostly find different ones; else the lowest first

	try func(ways []Bind, port uint16) error // nil is TryEverywhere; for the tests
}

// Found is what a search has found, and why not more.
type Found struct {
	Ports []uint16
	// Ports that were passed over: of Policy, in use, or not permitted to this user.
	Ephemeral, Reserved, InUse, NotPermitted int
	Err                                      error // what else was wrong with the last one of which something was
}

// Find searches. A port that was found can be taken by somebody else before its finder does. The error is the context's.
func (s Search) Find(ctx context.Context, p *Policy) (f Found, err error) {
	if s.try == nil {
		s.try = TryEverywhere
	}
	for _, port := range s.candidates(p, &f) {
		if len(f.Ports) >= s.Count {
			break
		}
		if err := ctx.Err(); err != nil {
			return f, err
		}
		s.test(port, &f)
	}
	return f, nil
}

func (s *Search) candidates(p *Policy, f *Found) []uint16 {
	var list []uint16
	for port := int(s.Range.First); port <= int(s.Range.Last) && port != 0; port++ {
		_, reserved := In(p.Reserved, uint16(port))
		switch {
		case reserved && !s.Reserved:
			f.Reserved++
		case !reserved && p.Ephemeral.Contains(uint16(port)) && !s.Ephemeral:
			f.Ephemeral++
		default:
			list = append(list, uint16(port))
		}
	}
	if s.Scattered {
		rand.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	}
	return list
}

func (s *Search) test(port uint16, f *Found) {
	switch err := s.try(s.Ways, port); TroubleOf(err) {
	case 0:
		f.Ports = append(f.Ports, port)
	case InUse:
		f.InUse++
	case NotPermitted:
		f.NotPermitted++
	default:
		f.Err = err
	}
}
