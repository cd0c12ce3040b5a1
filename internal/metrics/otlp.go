package metrics

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// The messages of opentelemetry-proto, as its JSON mapping has them: names in lowerCamelCase, 64-bit numbers as text, enums as
// numbers. They are written out here rather than taken from the SDK, whose packages and those of gRPC and protobuf beneath them
// would add 2 ms to the start of every sockeye command and double its size.

type attribute struct {
	Key   string   `json:"key"`
	Value anyValue `json:"value"`
}

type anyValue struct {
	String *string `json:"stringValue,omitempty"`
	Int    string  `json:"intValue,omitempty"`
	Bool   bool    `json:"boolValue,omitempty"`
}

func text(key, v string) attribute {
	return attribute{key, anyValue{String: &v}}
}

func whole(key string, v uint64) attribute {
	return attribute{key, anyValue{Int: strconv.FormatUint(v, 10)}}
}

type resource struct {
	Attributes []attribute `json:"attributes"`
}

type scope struct {
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
}

type metricsRequest struct {
	ResourceMetrics []resourceMetrics `json:"resourceMetrics"`
}

type resourceMetrics struct {
	Resource     resource       `json:"resource"`
	ScopeMetrics []scopeMetrics `json:"scopeMetrics"`
}

type scopeMetrics struct {
	Scope   scope        `json:"scope"`
	Metrics []otlpMetric `json:"metrics"`
}

type otlpMetric struct {
	Name        string     `json:"name"`
	Description string     `json:"description"`
	Unit        string     `json:"unit,omitempty"`
	Sum         *otlpSum   `json:"sum,omitempty"`
	Gauge       *otlpGauge `json:"gauge,omitempty"`
}

// cumulative is AGGREGATION_TEMPORALITY_CUMULATIVE.
const cumulative = 2

type otlpSum struct {
	Points      []numberPoint `json:"dataPoints"`
	Temporality int           `json:"aggregationTemporality"`
	Monotonic   bool          `json:"isMonotonic"`
}

type otlpGauge struct {
	Points []numberPoint `json:"dataPoints"`
}

type numberPoint struct {
	Attributes []attribute `json:"attributes,omitempty"`
	Start      string      `json:"startTimeUnixNano,omitempty"`
	Time       string      `json:"timeUnixNano"`
	Int        string      `json:"asInt,omitempty"`
	Double     *float64    `json:"asDouble,omitempty"`
}

func nano(t time.Time) string { return strconv.FormatInt(t.UnixNano(), 10) }

// metricsJSON is an ExportMetricsServiceRequest with all series.
func (m *Metrics) metricsJSON(from resource, now time.Time) ([]byte, error) {
	var list []otlpMetric
	for _, f := range m.gather() {
		if len(f.points) > 0 {
			list = append(list, f.otlp(m.start, now))
		}
	}
	return json.Marshal(metricsRequest{[]resourceMetrics{{from, []scopeMetrics{{m.scope(), list}}}}})
}

func (m *Metrics) scope() scope { return scope{"github.com/sockeye-net/sockeye", m.cfg.Version} }

// otlp has the name without "_total", which Prometheus adds to monotonic sums that it takes from OTLP.
func (f *family) otlp(start, now time.Time) otlpMetric {
	o := otlpMetric{Name: strings.TrimSuffix(f.name, "_total"), Description: f.help, Unit: f.unit}
	if f.kind == counter {
		o.Sum = &otlpSum{Points: f.numberPoints(start, now), Temporality: cumulative, Monotonic: true}
		return o
	}
	o.Gauge = &otlpGauge{f.numberPoints(time.Time{}, now)}
	return o
}

// began is when a sum began: never after now, also where the clock was set back meanwhile.
func began(start, since, now time.Time) time.Time {
	if since.After(start) {
		start = since
	}
	if start.After(now) {
		return now
	}
	return start
}

// numberPoints has points since start, which is zero for what is no sum.
func (f *family) numberPoints(start, now time.Time) (list []numberPoint) {
	for i := range f.points {
		p := &f.points[i]
		n := numberPoint{Time: nano(now)}
		if !start.IsZero() {
			n.Start = nano(began(start, p.since, now))
		}
		for j := 0; j+1 < len(p.labels); j += 2 {
			n.Attributes = append(n.Attributes, text(p.labels[j], p.labels[j+1]))
		}
		if p.value.isReal {
			n.Double = &p.value.number
		} else {
			n.Int = strconv.FormatUint(p.value.count, 10)
		}
		list = append(list, n)
	}
	return list
}
