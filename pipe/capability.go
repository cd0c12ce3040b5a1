package pipe

// Capability is something that not every system's pipes can do.
type Capability uint8

// The capabilities.
//
//	                 Linux   Windows
//	HalfClose        yes     no, but see Config.EmptyIsEOF
//	SharedNames      no      yes
//	RemotePipes      no      yes
//	FilePaths        yes     no
//	SDDL             no      yes
//	Levels           no      yes
//	ProcessHandles   yes     no
//	GroupIdentity    yes     no
//	Instances        no      yes
const (
	HalfClose      Capability = iota + 1 // half-close
	SharedNames                          // shared names
	RemotePipes                          // remote pipes
	FilePaths                            // file paths
	SDDL                                 // security descriptors
	Levels                               // impersonation levels
	ProcessHandles                       // process handles
	GroupIdentity                        // group identity
	Instances                            // instances
)

// Supported reports whether this system's pipes can do c.
func Supported(c Capability) bool {
	for _, s := range capabilities {
		if s == c {
			return true
		}
	}
	return false
}
