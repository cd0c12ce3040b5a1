package tui

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/sockeye-net/sockeye/ifstat"
	"github.com/sockeye-net/sockeye/netstat"
	"github.com/sockeye-net/sockeye/watch"
)

// Terminal is where the screen is shown.
type Terminal struct {
	In  io.Reader
	Out io.Writer
	Env []string // NAME=value; the terminal's type and what colours it has
}

// Run shows the screen until the user leaves it, or the context ends, which is no error. The terminal is then as it was
// before, also after a panic.
func Run(ctx context.Context, opt Options, t Terminal) error {
	m, err := New(opt)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	f := &feeder{ctx: ctx, opt: &opt, quick: make(chan *netstat.Snapshot, 1)}
	go f.read() // while the terminal is prepared
	p := tea.NewProgram(&program{Model: m, feeder: f}, tea.WithContext(ctx), tea.WithInput(t.In), tea.WithOutput(t.Out), tea.WithEnvironment(t.Env),
		tea.WithoutSignalHandler())
	_, err = p.Run()
	cancel()
	err = errors.Join(m.leave(), f.close(), finished(err))
	return errors.Join(m.failed, err)
}

// finished leaves out of the program's error what is no failure: that the context has ended.
func finished(err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	return err
}

// leave lets go of what a question had held.
func (m *Model) leave() error {
	if m.confirm != nil && m.confirm.leave != nil {
		return m.confirm.leave()
	}
	return nil
}

// feeder makes readings, one at a time, beside the screen.
type feeder struct {
	ctx    context.Context
	opt    *Options
	mu     sync.Mutex // held while a reading is made
	w      Watcher
	closed bool
	quick  chan *netstat.Snapshot // the first reading, or nil
	links  ifstat.Snapshot
	failed int // readings in a row

	panicked any // what read has panicked with
}

// Messages of the feeder.
type (
	firstMsg   struct{ snap *netstat.Snapshot }
	openedMsg  struct{ err error }
	readingMsg struct {
		report *watch.Report
		links  *ifstat.Snapshot
		err    error
	}
	doneMsg func(*Model)
	tickMsg struct{}
)

// read makes the first reading. Where that fails, the watcher will say why. A panic is kept for first, where the terminal is
// restored after it.
func (f *feeder) read() {
	var snap *netstat.Snapshot
	defer func() {
		f.panicked = recover()
		f.quick <- snap
	}()
	if f.opt.First == nil {
		return
	}
	if s, err := f.opt.First(); err == nil {
		snap = s
	}
}

func (f *feeder) first() tea.Msg {
	snap := <-f.quick
	if f.panicked != nil {
		panic(f.panicked)
	}
	return firstMsg{snap}
}

// afterScreen is how long the watcher is not opened, so that the first screen is out before the processors are busy with it.
const afterScreen = 20 * time.Millisecond

func (f *feeder) open() tea.Msg {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil
	}
	w, err := f.opt.Open(f.ctx)
	if err == nil {
		f.w = w
	}
	return openedMsg{err}
}

// next waits for the next reading. What it returns is valid until it is called again.
func (f *feeder) next() tea.Msg {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil
	}
	report, err := f.w.Next(f.ctx)
	if err != nil || report.Elapsed == 0 {
		return readingMsg{report: report, err: err}
	}
	return readingMsg{report: report, links: f.readLinks()}
}

// readLinks is nil where interfaces cannot be read.
func (f *feeder) readLinks() *ifstat.Snapshot {
	if f.opt.Links == nil || f.opt.Links.Read(&f.links) != nil {
		return nil
	}
	return &f.links
}

func (f *feeder) close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	if f.w == nil {
		return nil
	}
	return f.w.Close()
}

// program is a Model in a terminal.
type program struct {
	*Model
	feeder  *feeder
	ticking bool
}

// Init asks for the terminal's background and makes the first reading.
func (p *program) Init() tea.Cmd {
	if p.opt.Theme == AutoTheme {
		return tea.Batch(tea.RequestBackgroundColor, p.feeder.first)
	}
	return p.feeder.first
}

// Update takes a message.
func (p *program) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	var cmds []tea.Cmd
	switch msg := msg.(type) {
	case firstMsg:
		if msg.snap != nil {
			p.First(msg.snap)
		}
		cmds = append(cmds, tea.Tick(afterScreen, func(time.Time) tea.Msg { return p.feeder.open() }))
	case openedMsg:
		cmds = append(cmds, p.opened(msg.err))
	case readingMsg:
		cmds = append(cmds, p.read(msg))
	case doneMsg:
		msg(p.Model)
	case tickMsg:
		p.ticking = false
		p.Tick()
	default:
		cmds = append(cmds, p.input(msg))
	}
	if p.quit {
		return p, tea.Quit
	}
	for _, j := range p.Jobs() {
		cmds = append(cmds, func() tea.Msg { return doneMsg(j()) })
	}
	return p, tea.Batch(append(cmds, p.tick())...)
}

// input takes what the user does.
func (p *program) input(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tea.KeyPressMsg:
		if msg.String() == "ctrl+z" {
			return tea.Suspend
		}
		p.Key(msg.String(), msg.Key().Text)
	case tea.PasteMsg:
		p.Paste(msg.Content)
	case tea.MouseClickMsg:
		if msg.Button == tea.MouseLeft {
			p.Click(msg.X, msg.Y)
		}
	case tea.MouseWheelMsg:
		if msg.Button == tea.MouseWheelUp || msg.Button == tea.MouseWheelDown {
			p.Wheel(msg.Button == tea.MouseWheelDown)
		}
	case tea.WindowSizeMsg:
		p.Resize(msg.Width, msg.Height)
	case tea.BackgroundColorMsg:
		p.Background(msg.IsDark())
	}
	return nil
}

func (p *program) opened(err error) tea.Cmd {
	if err != nil {
		p.failed, p.quit = err, true
		return nil
	}
	p.partial = append(p.partial[:0], p.feeder.w.Partial()...)
	p.Take(nil, p.feeder.w, p.feeder.readLinks())
	return p.feeder.next
}

// maxFailures is how many readings in a row may fail.
const maxFailures = 3

func (p *program) read(msg readingMsg) tea.Cmd {
	switch {
	case msg.err == nil:
		p.feeder.failed = 0
		p.Take(msg.report, p.feeder.w, msg.links)
	case p.feeder.ctx.Err() != nil:
		return nil
	default:
		if p.feeder.failed++; p.feeder.failed >= maxFailures {
			p.failed, p.quit = msg.err, true
			return nil
		}
		p.say(msg.err.Error(), true)
	}
	return p.feeder.next
}

// tick has the screen drawn when what glows has to go out before the next reading comes.
func (p *program) tick() tea.Cmd {
	if p.ticking || p.interval <= glow || !p.glowing() {
		return nil
	}
	p.ticking = true
	return tea.Tick(glow+50*time.Millisecond, func(time.Time) tea.Msg { return tickMsg{} })
}

// View draws the screen.
func (p *program) View() tea.View {
	screen, x, y, typing := p.Draw()
	v := tea.NewView(screen)
	v.AltScreen = true
	v.WindowTitle = fmt.Sprintf("sockeye top: %s", cleanJoin([]string{p.opt.Host}))
	if p.opt.Mouse {
		v.MouseMode = tea.MouseModeCellMotion
	}
	if typing {
		v.Cursor = tea.NewCursor(x, y)
	}
	return v
}
