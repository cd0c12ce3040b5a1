package qqwry_test

import (
	"encoding/binary"
	"errors"
	"testing"

	"github.com/sockeye-net/sockeye/internal/geodat"
	"github.com/sockeye-net/sockeye/internal/qqwry"
)

// file is a QQWry.dat of one record, whose texts begin at 12, followed by text at 40 ("far"), 50 ("away"), and what is
// given for 60.
func file(record, at60 string) []byte {
	b := make([]byte, 100)
	binary.LittleEndian.PutUint32(b, 100)
	binary.LittleEndian.PutUint32(b[4:], 100)
	copy(b[8:], "\xff\xff\xff\xff"+record)
	copy(b[40:], "far\x00")
	copy(b[50:], "away\x00")
	copy(b[60:], at60)
	return append(b, 0, 0, 0, 0, 8, 0, 0)
}

// Each way to refer to a text, and each together with another one.
func TestText(t *testing.T) {
	for name, c := range map[string]struct{ record, at60, country, area string }{
		"plain":                              {"near\x00by\x00", "", "near", "by"},
		"empty":                              {"\x00\x00", "", "", ""},
		"area elsewhere":                     {"near\x00\x02\x28\x00\x00", "", "near", "far"},
		"area elsewhere, first mode":         {"near\x00\x01\x28\x00\x00", "", "near", "far"},
		"no area":                            {"near\x00\x02\x00\x00\x00", "", "near", ""},
		"country elsewhere":                  {"\x02\x28\x00\x00by\x00", "", "far", "by"},
		"both, each":                         {"\x02\x28\x00\x00\x02\x32\x00\x00", "", "far", "away"},
		"all elsewhere":                      {"\x01\x3c\x00\x00", "there\x00too\x00", "there", "too"},
		"all elsewhere, country further":     {"\x01\x3c\x00\x00", "\x02\x28\x00\x00too\x00", "far", "too"},
		"all elsewhere, both further":        {"\x01\x3c\x00\x00", "\x02\x28\x00\x00\x02\x32\x00\x00", "far", "away"},
		"all elsewhere, area further":        {"\x01\x3c\x00\x00", "there\x00\x02\x32\x00\x00", "there", "away"},
		"all elsewhere, and elsewhere again": {"\x01\x3c\x00\x00", "\x01\x28\x00\x00", "far", ""},
		"country elsewhere, and again":       {"\x02\x3c\x00\x00by\x00", "\x02\x28\x00\x00", "far", "by"},
		"nothing at all":                     {"\x01\x00\x00\x00", "", "", ""},
	} {
		d, err := qqwry.Open(file(c.record, c.at60))
		if err != nil {
			t.Fatal(err)
		}
		i := d.Search(0x01020304, 0, d.Len())
		off, last, err := d.Record(i)
		if i != 0 || off != 8 || last != 0xffffffff || err != nil {
			t.Fatal(i, off, last, err)
		}
		text, err := d.Text(off)
		country, _ := d.Bytes(text.Country)
		area, _ := d.Bytes(text.Area)
		if err != nil || string(country) != c.country || string(area) != c.area {
			t.Errorf("%s is %q %q, want %q %q; %v", name, country, area, c.country, c.area, err)
		}
	}
}

func TestTextErrors(t *testing.T) {
	for name, c := range map[string]struct {
		record string
		at     int64
	}{
		"to itself":       {"\x01\x0c\x00\x00", 12},
		"to each other":   {"\x02\x3c\x00\x00", 12},
		"out of the file": {"\x01\xff\xff\xff", 13},
	} {
		d, err := qqwry.Open(file(c.record, "\x02\x0c\x00\x00"))
		if err != nil {
			t.Fatal(err)
		}
		var e *geodat.Error
		if _, err := d.Text(8); !errors.As(err, &e) || e.Offset != c.at {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOpenErrors(t *testing.T) {
	header := func(first, last uint32, size int) []byte {
		b := make([]byte, size)
		binary.LittleEndian.PutUint32(b, first)
		binary.LittleEndian.PutUint32(b[4:], last)
		return b
	}
	for name, b := range map[string][]byte{
		"short": header(8, 8, 8)[:7], "in the header": header(0, 7, 99), "backwards": header(50, 43, 99), "not whole": header(8, 16, 99),
		"past the end": header(8, 92+1, 99), "far past it": header(8, 8+7*0x20000000, 99), "wraps": header(8, 0xfffffffe-2, 99),
	} {
		if _, err := qqwry.Open(b); err == nil {
			t.Error(name, " opens")
		}
	}
	if _, err := qqwry.Open(header(8, 92, 99)); err != nil {
		t.Error(err)
	}
}
