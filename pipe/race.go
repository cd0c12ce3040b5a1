//go:build race

package pipe

import "sync/atomic"

// What is written before a Write happens before what follows the Read of it, as with the standard library's files. The race
// detector does not see the kernel's part in that, so it is shown one.
var order atomic.Int64

func wrote()   { order.Add(1) }
func wasRead() { order.Load() }
