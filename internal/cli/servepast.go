package cli

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/sockeye-net/sockeye/internal/alert"
	"github.com/sockeye-net/sockeye/internal/history"
	"github.com/sockeye-net/sockeye/internal/view"
)

// past answers /api/history as the command history does, with a reader for each question: it may be that the file was set
// aside since the last one.
type past struct {
	env       *Env
	recording *recording
}

// Limits of one answer.
const (
	defaultPastRows = 10_000
	mostPastRows    = 100_000
	mostPastBytes   = 128 << 20
)

// pastFormats are the words of format, with the flags and the content types that they stand for.
var pastFormats = map[string]struct {
	output
	contentType string
}{
	"": {output{json: true}, "application/json"}, "json": {output{json: true}, "application/json"},
	"jsonl": {output{jsonl: true}, "application/x-ndjson"}, "csv": {output{csv: true}, "text/csv; charset=utf-8; header=present"},
}

// wrongQuestion is an error of who asks.
type wrongQuestion struct{ error }

// ServeHTTP answers a question that has only the parameters of its path.
func (p *past) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/api/history/span" {
		p.span(w, r)
		return
	}
	var b bounded
	contentType, err := p.answer(r, &b)
	var wrong wrongQuestion
	switch {
	case err == nil:
		w.Header().Set("Content-Type", contentType)
		_, _ = w.Write(b.Bytes()) // to a client that has gone there is nothing to say
	case errors.As(err, &wrong):
		pastFailed(w, http.StatusBadRequest, wrong.error)
	case errors.Is(err, history.ErrNone):
		pastFailed(w, http.StatusNotFound, err)
	case r.Context().Err() != nil:
		pastFailed(w, http.StatusServiceUnavailable, errors.New("that takes too long: ask for less time, or with a narrower filter"))
	default:
		pastFailed(w, http.StatusServiceUnavailable, err)
	}
}

func pastFailed(w http.ResponseWriter, code int, err error) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": err.Error()}) // to a client that has gone there is nothing to say
}

// answer writes what was asked for.
func (p *past) answer(r *http.Request, to io.Writer) (contentType string, err error) {
	env := *p.env
	env.Stdout, env.Stderr, env.Terminal = to, io.Discard, false
	names := env.Names
	q := pastQuestion{historyRun: historyRun{env: &env, names: &names}}
	if contentType, err = q.understand(strings.TrimPrefix(r.URL.Path, "/api/history/"), r.URL.Query()); err != nil {
		return "", wrongQuestion{err}
	}
	if q.reader, err = history.OpenReader(p.recording.path); err != nil {
		return "", err
	}
	defer q.reader.Close()
	names.Details = q.details
	if err := q.coverage(r.Context()); err != nil {
		return "", err
	}
	return contentType, q.tell(r.Context())
}

// pastQuestion is one, on its way.
type pastQuestion struct {
	historyRun
	limit int
	kinds []history.NewsKind
}

// understand makes the command's flags of the parameters.
func (q *pastQuestion) understand(what string, query url.Values) (contentType string, err error) {
	format, ok := pastFormats[query.Get("format")]
	if !ok {
		return "", fmt.Errorf("format is json, jsonl or csv, not %q", view.CleanText(query.Get("format")))
	}
	f := &historyFlags{at: query.Get("at"), from: query.Get("from"), to: query.Get("to"), output: format.output}
	f.color = "never"
	if f.at != "" && f.from+f.to != "" {
		return "", errors.New("at does not go with from and to")
	}
	if q.limit, err = pastLimit(query.Get("limit")); err != nil {
		return "", err
	}
	f.newest = q.limit
	switch what {
	case "listeners":
		f.gone, err = pastFlag("gone", query.Get("gone"))
		f.listeners = true
	case "groups":
		f.by = cmp.Or(query.Get("by"), "process")
	case "news":
		f.news = true
		if text := query.Get("kind"); text != "" {
			q.kinds, err = newsKinds(strings.Split(text, ","))
		}
	case "interfaces":
		f.links, q.link = true, query.Get("interface")
	}
	if err != nil {
		return "", err
	}
	q.flags = f
	return format.contentType, asParameter(q.plan([]string{query.Get("filter")}))
}

// asParameter is an error about flags as one about parameters.
func asParameter(err error) error {
	if err == nil {
		return nil
	}
	return errors.New(strings.ReplaceAll(err.Error(), "--", ""))
}

func pastLimit(text string) (int, error) {
	if text == "" {
		return defaultPastRows, nil
	}
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil || n == 0 || n > mostPastRows {
		return 0, fmt.Errorf("limit is a number of rows up to %d, not %q", mostPastRows, view.CleanText(text))
	}
	return int(n), nil
}

func pastFlag(name, text string) (bool, error) {
	switch text {
	case "", "false", "0":
		return false, nil
	case "true", "1":
		return true, nil
	}
	return false, fmt.Errorf("%s is true or false, not %q", name, view.CleanText(text))
}

// tell writes the answer, in the writers of the command.
func (q *pastQuestion) tell(ctx context.Context) error {
	opt := view.Options{Format: q.format, Time: q.env.Now(), Host: q.env.Hostname()}
	ask := q.choose()
	if q.flags.news {
		ask.run = q.tellNews
	}
	s := &sheet{env: q.env, now: opt.Time, out: view.NewObjects(q.env.Stdout, opt, ask.array), objects: objectColumns(q.format)}
	if err := ask.run(ctx, s); err != nil {
		return err
	}
	partial := append(q.holes, q.told...)
	if s.rows >= q.limit {
		partial = append(partial, fmt.Errorf("there may be more: these are %d, see limit", q.limit))
	}
	return s.end(nil, partial)
}

// tellNews has the kinds that are asked for, and the last of them only.
func (q *pastQuestion) tellNews(ctx context.Context, s *sheet) error {
	var last []history.News
	err := q.reader.News(ctx, q.query, q.kinds, func(n *history.News) error {
		if len(last) >= 2*q.limit {
			last = slices.Delete(last, 0, q.limit)
		}
		last = append(last, *n)
		return nil
	})
	if err != nil {
		return err
	}
	for i := range last[max(0, len(last)-q.limit):] {
		n := &last[max(0, len(last)-q.limit)+i]
		n.Time = n.Time.In(s.now.Location())
		q.names.ForgetPlaces()
		s.rows++
		if err := alert.Write(s.out, s.objects, q.names, n); err != nil {
			return err
		}
	}
	return nil
}

// bounded is an answer in memory.
type bounded struct{ bytes.Buffer }

// Write fails where the answer is too large.
func (b *bounded) Write(p []byte) (int, error) {
	if b.Len()+len(p) > mostPastBytes {
		return 0, fmt.Errorf("the answer has more than %d bytes: ask for less time, or with a smaller limit", mostPastBytes)
	}
	return b.Buffer.Write(p)
}
