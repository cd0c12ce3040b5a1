package pipe

import "runtime"

// thread is a goroutine's own thread, whose identity may be changed.
type thread struct {
	spoilt bool // the thread is not what it was, and nobody else may run on it
}

// onThread calls f on a thread that nothing else runs on, in another goroutine, and hands on its error, its panic and its Goexit. A
// thread that f has spoilt ends with that goroutine, because it stays locked to it.
func onThread(f func(*thread) error) error {
	var err error
	var panicked any
	finished := false
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		t := &thread{}
		defer func() {
			panicked = recover()
			if !t.spoilt {
				runtime.UnlockOSThread()
			}
		}()
		err = f(t)
		finished = true
	}()
	<-done
	if panicked != nil {
		panic(panicked)
	}
	if !finished {
		runtime.Goexit() // as f did: a test's FailNow
	}
	return err
}
