package fdwalk

// Turns is how many readings a [Tracker] takes to look again at every descriptor of the machine.
const Turns = 60

// Sought is what a [Tracker] looks for holders for: the sockets of one reading.
type Sought interface {
	// Own is told each descriptor of a socket, one process after the other, and reports whether the socket is sought.
	Own(p *Process, fd FD) bool
	// Lacking calls f for every socket that is sought and has no holder yet.
	Lacking(f func(inode uint32))
	// Disown forgets what Own was told.
	Disown()
}
