package geoip_test

const onLinux = true
