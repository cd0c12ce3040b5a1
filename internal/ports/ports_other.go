//go:build !linux && !windows

package ports

import "errors"

func readPolicy() (Policy, []error) { return Policy{}, []error{errors.ErrUnsupported} }

func (Bind) try(uint16) error { return errors.ErrUnsupported }

func troubleOf(error) Trouble { return Other }

// Reusing is what Bind.Reuse stands for on this system, in words.
const Reusing = "with SO_REUSEADDR"

const excludes = false
