package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sockeye-net/sockeye/internal/alert"
	"github.com/sockeye-net/sockeye/internal/history"
	"github.com/sockeye-net/sockeye/internal/relay"
	"github.com/sockeye-net/sockeye/internal/view"
)

// alertFlags say who is told what is new.
type alertFlags struct {
	command, webhook string
	kinds            []string
}

func (f *alertFlags) addTo(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringVar(&f.command, "alert-command", "", "run this program for each piece of news, which it has on its standard input")
	fs.StringVar(&f.webhook, "alert-webhook", "", "POST news to this URL; SOCKEYE_ALERT_WEBHOOK hides it from ps")
	fs.StringSliceVar(&f.kinds, "alert-kinds", []string{"program", "listener", "country"}, "what alerts are about: "+strings.Join(history.NewsKinds(), ", "))
	completeWords(cmd, "alert-kinds", history.NewsKinds())
}

// newsKinds are the kinds with these names.
func newsKinds(names []string) (kinds []history.NewsKind, err error) {
	for _, name := range names {
		i := slices.Index(history.NewsKinds(), strings.TrimSpace(name))
		if i < 0 {
			return nil, fmt.Errorf("no news is called %q; there are %s", view.CleanText(name), strings.Join(history.NewsKinds(), ", "))
		}
		kinds = append(kinds, history.NewsKind(i+1))
	}
	return kinds, nil
}

// openAlerts begins to tell the news of a recorder.
func (r *serveRun) openAlerts() error {
	f := r.flags.alert
	webhook := cmp.Or(f.webhook, r.env.Getenv("SOCKEYE_ALERT_WEBHOOK"))
	if f.command == "" && webhook == "" {
		return nil
	}
	if r.recording == nil {
		return errors.New("alerts need a history, which knows what is new: they do not go with --no-history")
	}
	kinds, err := newsKinds(f.kinds)
	if err != nil {
		return fmt.Errorf("--alert-kinds: %w", err)
	}
	cfg := alert.Config{Kinds: kinds, Host: r.env.Hostname(), Errors: r.env.note, Names: r.newsNames()}
	if f.command != "" {
		a, err := relay.Parse("exec:" + f.command)
		if err != nil {
			return fmt.Errorf("--alert-command: %w", err)
		}
		if err := r.tell(alert.NewCommand(cfg, a.Args)); err != nil {
			return err
		}
	}
	if webhook != "" {
		return r.tell(alert.NewWebhook(cfg, webhook, r.env.plainVersion()))
	}
	return nil
}

func (r *serveRun) tell(t *alert.Teller, err error) error {
	if err == nil {
		r.tellers = append(r.tellers, t)
		r.opened = append(r.opened, t)
	}
	return err
}

// newsNames are the names for what is said of news, whose processes the recorder has asked.
func (r *serveRun) newsNames() view.Names {
	return view.Names{UserName: r.env.Names.UserName, InterfaceName: r.env.Names.InterfaceName, Details: r.recording.recall.Known}
}

// pageSink tells the page.
type pageSink struct{ run *serveRun }

// Tell is called by the recorder.
func (p pageSink) Tell(_ context.Context, news []history.News) error {
	p.run.hub.News(news, p.run.recording.recall.Known)
	return nil
}

// sinks are all who are told.
func (r *serveRun) sinks() []history.Sink {
	all := []history.Sink{pageSink{r}}
	for _, t := range r.tellers {
		all = append(all, t)
	}
	return all
}
