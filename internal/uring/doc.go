// Package uring is io_uring(7) by plain system calls: the rings that process and kernel share, entries of both, and what is
// registered with them. A Ring is for one thread at a time. What the entries mean is for the caller to know (io_uring_enter(2)).
package uring
