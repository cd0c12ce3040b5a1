// Package epoll is epoll(7), with waits of less than a millisecond and such that Go's scheduler is not told of, and an
// eventfd to end them. A Poller is waited on by one thread at a time; Add, Remove and Bell.Ring may be called by any.
package epoll
