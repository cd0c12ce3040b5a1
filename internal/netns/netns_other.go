//go:build !linux

package netns

import "errors"

// Own returns errors.ErrUnsupported.
func Own() (Namespace, error) { return Namespace{}, &Error{Op: "own", Err: errors.ErrUnsupported} }

// List returns errors.ErrUnsupported.
func List() ([]Namespace, int, error) { return nil, 0, &Error{Op: "list", Err: errors.ErrUnsupported} }
