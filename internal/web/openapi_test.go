package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// document is what the tests read of openapi.json.
type document struct {
	Paths map[string]map[string]struct {
		Security   []map[string][]string
		Parameters []struct{ Name, In string }
		Responses  map[string]json.RawMessage
	}
	Components struct{ Schemas map[string]*schema }
}

// schema is the part of JSON Schema that the document uses.
type schema struct {
	Ref                  string `json:"$ref"`
	Type                 string
	Properties           map[string]*schema
	Required             []string
	Items                *schema
	Enum                 []any
	AdditionalProperties json.RawMessage
}

func readDocument(t *testing.T) *document {
	t.Helper()
	var d document
	if err := json.Unmarshal(openAPIDocument, &d); err != nil {
		t.Fatal(err)
	}
	return &d
}

// TestDocumentHasRoutes: the document and the server name the same paths, methods, parameters and rights.
func TestDocumentHasRoutes(t *testing.T) {
	d := readDocument(t)
	routes := make(map[string]route)
	for _, r := range routeTable() {
		routes[r.path] = r
		if _, has := d.Paths[r.path]; !has {
			t.Errorf("the document lacks %s", r.path)
		}
	}
	for path, methods := range d.Paths {
		r, has := routes[path]
		if !has {
			t.Errorf("the server lacks %s", path)
			continue
		}
		var names []string
		for method, op := range methods {
			names = append(names, strings.ToUpper(method))
			var params []string
			for _, p := range op.Parameters {
				if p.In == "query" {
					params = append(params, p.Name)
				}
			}
			if slices.Sort(params); !slices.Equal(params, r.params) {
				t.Errorf("%s %s: the document has the parameters %v, the server %v", method, path, params, r.params)
			}
			if open := slices.ContainsFunc(op.Security, func(s map[string][]string) bool { return len(s) == 0 }); open != (r.needs < token) {
				t.Errorf("%s %s: the document says open %v", method, path, open)
			}
		}
		want := slices.DeleteFunc(slices.Clone(r.methods), func(m string) bool { return m == http.MethodHead })
		slices.Sort(names)
		if slices.Sort(want); !slices.Equal(names, want) {
			t.Errorf("%s: the document has %v, the server %v", path, names, want)
		}
	}
}

// TestAnswersAreAsDocumented: what the server answers on this machine has no field that the document lacks, and none of another
// type.
func TestAnswersAreAsDocumented(t *testing.T) {
	w := newWorld(t)
	d := readDocument(t)
	for path, name := range map[string]string{"/api/status": "Status", "/api/sockets": "Sockets", "/api/listeners": "Sockets", "/api/processes": "Usages",
		"/api/units": "Usages", "/api/hosts": "Usages", "/api/interfaces": "Links", "/api/nothing": "Error"} {
		_, body := w.get(t, path, withToken)
		d.checkText(t, path, name, body)
	}
	_, _, body := w.do(t, "POST", "/api/session", "", withToken)
	d.checkText(t, "/api/session", "Session", body)
	s := w.open(t, "/api/events?topics=sockets,processes,hosts,interfaces", withToken)
	defer s.close()
	d.checkText(t, "hello", "Status", s.until(t, "hello"))
	for topic, name := range map[string]string{"sockets": "StreamSocket", "processes": "Usage", "hosts": "Usage", "interfaces": "Link"} {
		again := w.open(t, "/api/events?topics="+topic, withToken)
		var c changes
		for len(c.Set) == 0 { // the stream itself is a connection, of the next reading
			if err := json.Unmarshal([]byte(again.until(t, topic)), &c); err != nil {
				t.Fatal(err)
			}
		}
		again.close()
		for _, row := range c.Set {
			d.checkText(t, topic, name, string(row))
		}
	}
}

// TestEventsAreAsDocumented is the same for events.
func TestEventsAreAsDocumented(t *testing.T) {
	w := newWorld(t)
	s := w.open(t, "/api/events?topics=events", withToken)
	defer s.close()
	s.until(t, "reading")
	w.client.CloseIdleConnections()
	_, _ = w.get(t, "/api/status") // opens a connection
	var events struct{ Events []json.RawMessage }
	if err := json.Unmarshal([]byte(s.until(t, "events")), &events); err != nil {
		t.Fatal(err)
	}
	for _, e := range events.Events {
		readDocument(t).checkText(t, "events", "Event", string(e))
	}
}

func (d *document) checkText(t *testing.T, where, name, text string) {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%s: %v: %.200s", where, err, text)
	}
	if err := d.check(&schema{Ref: "#/components/schemas/" + name}, v); err != nil {
		t.Errorf("%s: %v", where, err)
	}
}

func (d *document) check(s *schema, v any) error {
	if s.Ref != "" {
		if s = d.Components.Schemas[strings.TrimPrefix(s.Ref, "#/components/schemas/")]; s == nil {
			return fmt.Errorf("a schema is missing")
		}
	}
	if len(s.Enum) > 0 && !slices.Contains(s.Enum, v) {
		return fmt.Errorf("%v is none of %v", v, s.Enum)
	}
	switch v := v.(type) {
	case map[string]any:
		return d.checkObject(s, v)
	case []any:
		for _, item := range v {
			if s.Type != "array" {
				return fmt.Errorf("an array in the place of %s", s.Type)
			}
			if err := d.check(s.Items, item); err != nil {
				return err
			}
		}
		return nil
	case string:
		return isType(s, "string")
	case bool:
		return isType(s, "boolean")
	case float64:
		if s.Type == "integer" && v == float64(int64(v)) {
			return nil
		}
		return isType(s, "number")
	}
	return fmt.Errorf("%v has no type of the document", v)
}

func isType(s *schema, name string) error {
	if s.Type != name {
		return fmt.Errorf("%s in the place of %s", name, s.Type)
	}
	return nil
}

func (d *document) checkObject(s *schema, v map[string]any) error {
	if err := isType(s, "object"); err != nil {
		return err
	}
	for _, name := range s.Required {
		if _, has := v[name]; !has {
			return fmt.Errorf("%s is missing", name)
		}
	}
	for name, inner := range v {
		p := s.Properties[name]
		if p == nil {
			return fmt.Errorf("%s is not in the document", name)
		}
		if err := d.check(p, inner); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}
