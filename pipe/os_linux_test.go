package pipe_test

import "unsafe"

func isWine() bool { return false }

func ptr(list []uint32) unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(list)) }
