package cli

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// apiSchema is the part of JSON Schema that openapi.json uses.
type apiSchema struct {
	Ref        string `json:"$ref"`
	Type       string
	Properties map[string]*apiSchema
	Required   []string
	Items      *apiSchema
	Enum       []any
}

// apiSchemas are those of the server's own description.
func apiSchemas(t *testing.T, s *serving) map[string]*apiSchema {
	t.Helper()
	_, body := s.get(t, "/api/openapi.json")
	var doc struct {
		Components struct{ Schemas map[string]*apiSchema }
	}
	if err := json.Unmarshal([]byte(body), &doc); err != nil {
		t.Fatal(err)
	}
	return doc.Components.Schemas
}

// TestServeAnswersAsDescribed: answers about the past, and of actions, have no field that openapi.json lacks, none of another
// type, and all that it promises.
func TestServeAnswersAsDescribed(t *testing.T) {
	s := serveHere(t, "--history", filepath.Join(t.TempDir(), "h.db"), "--history-learn", "0")
	l, _ := connected(t)
	s.untilRecorded(t, "/api/history/connections", `"open":true`)
	s.untilRecorded(t, "/api/history/interfaces?from=5+min+ago", `"measured_s"`)
	all := apiSchemas(t, s)
	check := func(where, name, text string) {
		t.Helper()
		var v any
		if err := json.Unmarshal([]byte(text), &v); err != nil {
			t.Fatalf("%s: %v: %.200s", where, err, text)
		}
		if err := describes(all, &apiSchema{Ref: "#/components/schemas/" + name}, v); err != nil {
			t.Errorf("%s: %v: %.500s", where, err, text)
		}
	}
	for path, name := range map[string]string{"history/span": "Span", "history/connections": "Lives", "history/listeners": "PastListeners", "history/listeners?gone=1": "PastListeners",
		"history/groups?by=host": "Groups", "history/groups?by=day": "Groups", "history/groups?from=this+month": "Groups", "history/news": "NewsList",
		"history/interfaces?from=5+min+ago": "Slots", "status": "Status", "history/news?at=parsec": "Error"} {
		_, body := s.get(t, "/api/"+path)
		check(path, name, body)
	}
	_, body := s.send(t, "POST", "/api/session", "", s.token)
	check("session", "Session", body)
	var opened struct{ Session string }
	if err := json.Unmarshal([]byte(body), &opened); err != nil {
		t.Fatal(err)
	}
	_, body = s.send(t, "POST", "/api/actions/close", `{"filter":"port = `+portOf(l.Addr())+`"}`, opened.Session)
	check("close", "Closed", body)
	_, body = s.send(t, "POST", "/api/actions/close", `{"sockets":[{"proto":"tcp","cookie":3,"netns":4},{"proto":"udp","local_addr":"::1","remote_addr":"::1"}]}`, opened.Session)
	check("close", "Closed", body)
	_, body = s.send(t, "POST", "/api/actions/kill", fmt.Sprintf(`{"pid":%d,"started":"2020-01-01T00:00:00Z"}`, os.Getpid()), opened.Session)
	check("kill", "Killed", body)
}

// describes checks a value.
func describes(all map[string]*apiSchema, s *apiSchema, v any) error {
	if s.Ref != "" {
		if s = all[strings.TrimPrefix(s.Ref, "#/components/schemas/")]; s == nil {
			return fmt.Errorf("a schema is missing")
		}
	}
	if len(s.Enum) > 0 && !slices.Contains(s.Enum, v) {
		return fmt.Errorf("%v is none of %v", v, s.Enum)
	}
	is := ""
	switch v := v.(type) {
	case map[string]any:
		return describesObject(all, s, v)
	case []any:
		for _, item := range v {
			if s.Items == nil {
				return fmt.Errorf("an array in the place of %s", s.Type)
			}
			if err := describes(all, s.Items, item); err != nil {
				return err
			}
		}
		is = "array"
	case string:
		is = "string"
	case bool:
		is = "boolean"
	case float64:
		if is = "number"; s.Type == "integer" && v == float64(int64(v)) {
			is = "integer"
		}
	}
	if is != s.Type {
		return fmt.Errorf("%s in the place of %s: %v", is, s.Type, v)
	}
	return nil
}

func describesObject(all map[string]*apiSchema, s *apiSchema, v map[string]any) error {
	if s.Type != "object" {
		return fmt.Errorf("an object in the place of %s", s.Type)
	}
	for _, name := range s.Required {
		if _, has := v[name]; !has {
			return fmt.Errorf("%s is missing", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(v)) {
		if s.Properties[name] == nil {
			return fmt.Errorf("%s is not described", name)
		}
		if err := describes(all, s.Properties[name], v[name]); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}
