//go:build !linux

package geoip_test

const onLinux = false
