package tui

import (
	"fmt"
	"strings"
	"time"

	"github.com/sockeye-net/sockeye/ifstat"
	"github.com/sockeye-net/sockeye/internal/view"
	"github.com/sockeye-net/sockeye/watch"
)

// Model is the state of the screen.
type Model struct {
	opt           Options
	width, height int
	at            time.Time // of the last reading
	interval      time.Duration
	source        watch.Source
	sourceKnown   bool
	ready         bool // there is something to show
	quick         bool // the rows are those of First

	stores       [kinds]store // those of connections also hold listeners
	meter        ifstat.Meter
	begin        *ifstat.Counters // of the total, at the first reading
	linkReadings int
	ancestors    map[key]*row
	usage        []watch.Usage
	counts       watch.Counts

	pages  [kinds]page
	kind   Kind
	byRow  scratch[*row]
	byRank scratch[ranked]
	ranks  []ranked
	tally  [2]int                 // connections and listeners that are open
	orders map[string]*view.Order // of columns of sockets that are compared by names

	filter     *view.Filter
	filterText string
	search     string
	paused     bool
	follow     bool
	detail     bool
	tree       bool
	idle       bool // interfaces that were never used are shown too

	prompt  *prompt
	confirm *confirm
	chooser *chooser
	help    bool
	helpTop int

	status      string // what was last done, or why not
	statusBad   bool
	statusUntil time.Time
	partial     []error

	details details
	reverse reverse
	jobs    []job
	quit    bool
	failed  error // why it ended

	layout layout
	lines  drawn
}

// page is a view with what was chosen for it.
type page struct {
	cols      []column // all there are
	names     []string // those that are shown, in order
	sort      int      // in cols
	down      bool
	rows      []*row
	selected  key
	cursor    int
	top       int
	unfolding map[key]bool
}

// job is something that takes time: it is done beside the screen, and what it returns is done to the model.
type job func() func(*Model)

// New is a model that has seen no reading yet.
func New(opt Options) (*Model, error) {
	m := &Model{opt: opt, kind: opt.View, filter: opt.Filter, filterText: opt.Text, tree: true, ancestors: make(map[key]*row), width: 80, height: 24,
		orders: make(map[string]*view.Order), at: opt.Now()}
	m.details.open()
	m.reverse.open()
	for k := range m.pages {
		m.stores[k] = newStore()
		p := &m.pages[k]
		p.cols, p.names = columnsOf(Kind(k)), usual[k]
		if err := p.sortBy(usualSort[k]); err != nil {
			return nil, err
		}
	}
	for _, name := range []string{"user", "interface", "place", "country", "iso", "region", "city", "isp", "org", "asn", "special"} {
		m.orders[name], _, _ = view.ParseOrder(name, opt.Names)
	}
	if opt.Width > 0 && opt.Height > 0 {
		m.width, m.height = opt.Width, opt.Height
	}
	return m, m.chosen()
}

// chosen applies what the options say of the first view.
func (m *Model) chosen() (err error) {
	p := m.page()
	if m.opt.Columns != "" {
		if p.names, err = choose(p.cols, m.opt.Columns); err != nil {
			return err
		}
	}
	if m.opt.Sort != "" {
		return p.sortBy(m.opt.Sort)
	}
	return nil
}

func (p *page) sortBy(name string) error {
	name, down := strings.CutPrefix(name, "-")
	i := find(p.cols, strings.ReplaceAll(name, "-", "_"))
	if i < 0 {
		return fmt.Errorf("this view has no column %q to sort by; it has %s", name, strings.Join(namesOf(p.cols), ", "))
	}
	p.sort, p.down = i, down
	return nil
}

func (m *Model) page() *page { return &m.pages[m.kind] }

// store is where the rows of a view are kept.
func (m *Model) store(k Kind) *store {
	if k == Listeners {
		k = Connections
	}
	return &m.stores[k]
}

// say shows a line for a while.
func (m *Model) say(text string, bad bool) {
	m.status, m.statusBad, m.statusUntil = view.CleanText(text), bad, m.opt.Now().Add(8*time.Second)
}

// do has a job done.
func (m *Model) do(j job) { m.jobs = append(m.jobs, j) }

// Jobs are those that were not begun yet, with what the screen lacks.
func (m *Model) Jobs() (list []job) {
	m.want()
	list, m.jobs = m.jobs, nil
	return list
}

// Resize says how large the screen is, in cells.
func (m *Model) Resize(width, height int) {
	m.width, m.height = max(width, 1), max(height, 1)
	m.layout.forget()
	m.move(0)
}
