package watch_test

import (
	"context"
	"fmt"
	"log"
	"net"
	"time"

	"github.com/sockeye-net/sockeye/watch"
)

// What opens and closes, for a second.
func Example() {
	w, err := watch.Open(nil)
	if err != nil {
		log.Fatal(err)
	}
	defer w.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	for {
		r, err := w.Next(ctx)
		if err != nil {
			break
		}
		for i := range r.Events {
			e := &r.Events[i]
			fmt.Println(e.Time.Format(time.StampMilli), e.Kind, e.Socket.Local, e.Socket.Remote, e.Bytes.Sent, e.Bytes.Received)
		}
	}
}

// Who listens from now on.
func ExampleWatcher_Next() {
	w, err := watch.Open(&watch.Config{Interval: 50 * time.Millisecond, NoLinks: true})
	if err != nil {
		log.Fatal(err)
	}
	defer w.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	defer l.Close()
	for {
		r, err := w.Next(context.Background())
		if err != nil {
			log.Fatal(err)
		}
		for i := range r.Events {
			if e := &r.Events[i]; e.Kind == watch.ListenerAppeared && e.Socket.Local.String() == l.Addr().String() {
				fmt.Println("a listener appeared, held by", len(e.Socket.Owners), "process")
				return
			}
		}
	}
	// Output: a listener appeared, held by 1 process
}

// Which process moves how much, as nethogs shows it.
func ExampleWatcher_Usage() {
	w, err := watch.Open(nil)
	if err != nil {
		log.Fatal(err)
	}
	defer w.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	var usage []watch.Usage
	for {
		r, err := w.Next(ctx)
		if err != nil {
			break
		}
		if r.Elapsed == 0 {
			continue // events only
		}
		usage = w.Usage(watch.ByProcess, usage[:0])
		for _, u := range usage {
			if u.Process != nil {
				fmt.Printf("%s %.0f B/s\n", u.Process.Name, float64(u.Delta.Received)/r.Elapsed.Seconds())
			}
		}
	}
}
