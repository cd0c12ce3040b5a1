// Package metrics counts what the machine's sockets and interfaces do, for systems that watch many machines: as Prometheus'
// text format (Metrics.WriteText) and pushed by OTLP (Pusher), the same figures in both, and events as OTLP logs.
//
// Series are labelled by program and unit, never by process id: a process comes and goes, and each would leave a series. A
// bound on the series (Config.MaxSeries) holds where programs take ever new names; what is beyond it is added up in one series,
// and counted.
//
// Sources: Prometheus' exposition format 0.0.4 and its conventions for names; OTLP 1.x over HTTP in JSON
// (opentelemetry-proto, docs/specification.md).
package metrics
