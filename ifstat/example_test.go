package ifstat_test

import (
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/sockeye-net/sockeye/ifstat"
)

// What the machine has, once.
func ExampleList() {
	s, err := ifstat.List()
	if errors.Is(err, errors.ErrUnsupported) {
		return
	}
	if err != nil {
		log.Fatal(err)
	}
	for _, i := range s.Interfaces {
		fmt.Println(i.Index, i.Name, i.Kind, i.State, i.Addrs, i.RxBytes, i.TxBytes)
	}
	for _, missing := range s.Partial {
		log.Print("not everything could be read: ", missing)
	}
}

// Once a second: what each interface moves, and all of them together without counting a packet twice.
func ExampleMeter() {
	table, err := ifstat.Open(nil)
	if err != nil {
		log.Print(err)
		return
	}
	defer table.Close()
	var s ifstat.Snapshot
	var m ifstat.Meter
	for range 3 {
		if err := table.Read(&s); err != nil {
			log.Fatal(err)
		}
		for _, r := range m.Add(&s) {
			if r.First { // no average yet
				continue
			}
			fmt.Println(r.Interface.Name, r.Amount.RxBytes, "bytes since the last reading,", r.Rate().RxBytes, "a second; left out of the total:", r.Excluded)
		}
		fmt.Println("all:", m.Total().Rate().RxBytes, "received,", m.Total().Rate().TxBytes, "sent, in bytes a second")
		time.Sleep(time.Second)
	}
}

// A meter works on any snapshots. Here a counter of 32 bits passes its end: the amount has that undone.
func ExampleMeter_Add() {
	card := ifstat.Interface{ID: 2, Index: 2, Name: "eth0", Kind: ifstat.Ethernet, Physical: true, Up: true, MTU: 1500, Speed: 1e9, Width: 32}
	now := time.Now()

	var m ifstat.Meter
	card.RxBytes, card.RxPackets = 1<<32-500, 1000
	m.Add(&ifstat.Snapshot{Time: now, Interfaces: []ifstat.Interface{card}})
	card.RxBytes, card.RxPackets = 1500, 1002
	r := m.Add(&ifstat.Snapshot{Time: now.Add(2 * time.Second), Interfaces: []ifstat.Interface{card}})[0]

	fmt.Println(r.Amount.RxBytes, "bytes,", r.Rate().RxBytes, "a second, wrapped:", r.Wrapped)
	// Output: 2000 bytes, 1000 a second, wrapped: true
}

// Which interfaces the total is made of, and why the others are not in it.
func ExampleExclusions() {
	s := &ifstat.Snapshot{Interfaces: []ifstat.Interface{
		{Index: 1, Name: "lo", Kind: ifstat.Loopback, Up: true},
		{Index: 2, Name: "eth0", Kind: ifstat.Ethernet, Physical: true, Up: true},
		{Index: 3, Name: "eth0.5", Kind: ifstat.VLAN, Link: 2, Up: true},
		{Index: 4, Name: "docker0", Kind: ifstat.Bridge, Up: true},
		{Index: 5, Name: "veth7", Kind: ifstat.Veth, Master: 4, Link: 2, LinkElsewhere: true, Up: true},
	}}
	for i, why := range ifstat.Exclusions(nil, s) {
		fmt.Println(s.Interfaces[i].Name, why)
	}
	// Output:
	// lo loopback
	// eth0 counted
	// eth0.5 its_link_counts
	// docker0 its_ports_count
	// veth7 inside_the_machine
}

// What happened between two readings.
func ExampleDiff() {
	before := ifstat.Snapshot{Interfaces: []ifstat.Interface{
		{ID: 2, Name: "eth0", Up: true, State: ifstat.Up}, {ID: 3, Name: "usb0", Up: true, State: ifstat.Up},
	}}
	after := ifstat.Snapshot{Interfaces: []ifstat.Interface{
		{ID: 2, Name: "wan", Up: true, State: ifstat.Down}, {ID: 4, Name: "usb0", Up: true, State: ifstat.Up},
	}}
	for _, c := range ifstat.Diff(nil, &before, &after) {
		switch c.Event {
		case ifstat.Vanished:
			fmt.Println(c.Old.Name, c.Event)
		case ifstat.Renamed:
			fmt.Println(c.Old.Name, c.Event, "to", c.New.Name)
		default:
			fmt.Println(c.New.Name, c.Event)
		}
	}
	// Output:
	// usb0 vanished
	// eth0 renamed to wan
	// wan down
	// usb0 appeared
}
