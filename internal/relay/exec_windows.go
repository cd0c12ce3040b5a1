package relay

import "os"

const closeEndsReads = false

func terminate(p *os.Process) { p.Kill() }
