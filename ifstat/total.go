package ifstat

// Exclusion says why an interface is left out of the total, in which no packet may count twice.
type Exclusion uint8

// The reasons. [Counted] is the opposite of one.
const (
	Counted     Exclusion = iota //
	IsLoopback                   // loopback
	HasPorts                     // its_ports_count
	IsPort                       // its_master_counts
	OverLink                     // over_counted_link
	PeerHere                     // both_ends_here
	GoesNowhere                  // goes_nowhere
	IsCopy                       // copy
	IsTunnel                     // inside_other_packets
	IsInner                      // inside_the_machine
)

// Exclusions appends to dst, for each interface of s in turn, why it is left out of the total, or [Counted].
func Exclusions(dst []Exclusion, s *Snapshot) []Exclusion {
	for range s.Interfaces {
		dst = append(dst, Counted)
	}
	return dst
}
