package alert

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/sockeye-net/sockeye/internal/history"
	"github.com/sockeye-net/sockeye/internal/view"
)

// Limits of a webhook.
const (
	requestTime   = 10 * time.Second
	firstPause    = time.Second // after a failure, and twice as long after each one more
	attempts      = 6           // which takes a little more than half a minute, where refused at once
	maxTogether   = 100         // pieces of news in a request
	maxAnswerRead = 64 << 10    // bytes, so that the connection can be used again
)

// NewWebhook has news told by POST: {"host":"...","news":[{...},...]}, with objects as sockeye history --news --json has them.
// What is not answered with 2xx is tried again for half a minute, if that may help. Redirections are not followed. The address
// is https, since command lines are sent, or http to this machine; no error quotes it, as there may be a secret in it. The caller
// closes the teller.
func NewWebhook(cfg Config, address, version string) (*Teller, error) {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return nil, errors.New("the alert webhook is a URL, as in https://example.com/hook")
	case u.Scheme == "http" && !local(u.Hostname()):
		return nil, errors.New("the alert webhook has to be https: command lines would be sent in the clear")
	}
	client := &http.Client{Timeout: requestTime, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, MaxIdleConns: 1, IdleConnTimeout: time.Minute}}
	return start(cfg, &webhook{cfg: cfg, url: u, agent: "sockeye/" + version, client: client, pause: firstPause}), nil
}

func local(host string) bool {
	a, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && a.IsLoopback()
}

// webhook is an address that news is posted to.
type webhook struct {
	cfg    Config
	url    *url.URL
	agent  string
	client *http.Client
	pause  time.Duration
}

func (w *webhook) most() int { return maxTogether }

func (w *webhook) tell(ctx context.Context, news []history.News) (err error) {
	defer w.client.CloseIdleConnections() // it may be hours to the next
	w.cfg.Names.Forget()
	host, _ := json.Marshal(w.cfg.Host) // a string
	body := slices.Concat([]byte(`{"host":`), host, []byte(`,"news":[`), JSON(news, w.cfg.Names, nil), []byte("]}\n"))
	pause := w.pause
	for try := range attempts {
		if try > 0 && !sleep(ctx, pause) {
			break
		}
		pause *= 2
		again := false
		if again, err = w.post(ctx, body); err == nil || !again {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("the webhook at %s: %w", view.CleanText(w.url.Host), err)
	}
	return nil
}

// sleep reports whether it has slept to the end.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// post makes one request, and says whether another one may be answered better.
func (w *webhook) post(ctx context.Context, body []byte) (again bool, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url.String(), bytes.NewReader(body))
	if err != nil {
		return false, errors.New("the address cannot be used")
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", w.agent)
	resp, err := w.client.Do(r)
	var where *url.Error
	if errors.As(err, &where) {
		err = where.Err // without the address
	}
	if err != nil {
		return ctx.Err() == nil, err
	}
	defer resp.Body.Close()
	_, _ = io.CopyN(io.Discard, resp.Body, maxAnswerRead)
	switch code := resp.StatusCode; {
	case code/100 == 2:
		return false, nil
	case code/100 == 3:
		return false, fmt.Errorf("it answers with a redirection (%d), which is not followed", code)
	default:
		return code/100 == 5 || code == http.StatusTooManyRequests || code == http.StatusRequestTimeout, fmt.Errorf("it answers with %s", view.CleanText(resp.Status))
	}
}
