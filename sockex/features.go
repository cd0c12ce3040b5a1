package sockex

// How says how something is done on this machine.
type How uint8

// The ways.
const (
	Missing  How = iota // missing
	Emulated            // emulated
	Native              // native
)

//go:generate go run golang.org/x/tools/cmd/stringer@v0.52.0 -linecomment -type=How -output=zstring.go

// Feature is one thing that this package does.
type Feature struct {
	Name  string // "AcceptEx", ...
	How   How    // native is the system's own function; emulated has the same result by other calls
	By    string // those calls
	Limit int    // how many at once, where the system has a limit
}

// Features tells what this machine can do, and by what. It asks the system each time, with sockets that it makes for that;
// nothing leaves the machine.
func Features() []Feature { return features() }
