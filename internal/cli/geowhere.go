package cli

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/sockeye-net/sockeye/geoip"
	"github.com/sockeye-net/sockeye/internal/config"
	"github.com/sockeye-net/sockeye/internal/geodb"
	"github.com/sockeye-net/sockeye/internal/view"
)

// geoWhere prints what the command would use, and where it looks.
func (e *Env) geoWhere(cfg *config.Config, f *geoFlags) error {
	format, err := f.format()
	if err != nil {
		return err
	}
	p := e.openDatabases(cfg, f.db)
	defer p.Close()
	switch format {
	case view.Table:
		err = e.print(e.whereText(cfg, p))
	case view.JSON:
		err = e.print(e.whereJSON(cfg, p))
	default:
		return errors.New("--where is text, or a document with --json")
	}
	if err == nil && len(p.Open) == 0 {
		return quit(exitNotFound)
	}
	return err
}

func (e *Env) whereText(cfg *config.Config, p *geodb.Databases) string {
	var b strings.Builder
	b.WriteString("configuration, the first that exists:\n")
	for _, file := range config.Files(e.Getenv) {
		fmt.Fprintf(&b, "  %s%s\n", view.CleanText(file), map[bool]string{true: " (used)"}[file == cfg.File])
	}
	b.WriteString("\nfolders searched when no database is configured:\n")
	for _, dir := range geodb.Folders(e.Getenv) {
		fmt.Fprintf(&b, "  %s%s\n", view.CleanText(dir), map[bool]string{false: " (not there)"}[exists(dir)])
	}
	fmt.Fprintf(&b, "\nupdates are written to:\n  %s\n", view.CleanText(cmp.Or(geodb.UpdateFolder(e.Getenv), "nowhere: set SOCKEYE_GEO_PATH")))
	b.WriteString("\ndatabases, in the order in which they are asked:\n")
	for _, line := range databaseLines(p.Open) {
		b.WriteString("  " + line + "\n")
	}
	if len(p.Open) == 0 {
		b.WriteString("  none\n")
	}
	for _, err := range p.Failed {
		fmt.Fprintf(&b, "  broken: %s\n", oneLine(err))
	}
	return b.String()
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func databaseLines(dbs []*geoip.DB) []string {
	grid := view.NewGrid([]view.GridColumn{{Header: "FILE"}, {Header: "FORMAT"}, {Header: "DATE"}, {Header: "RANGES", Right: true}, {Header: "TYPE"}})
	var rows [][]string
	for _, db := range dbs {
		i := db.Info()
		ranges := ""
		if i.Ranges > 0 {
			ranges = strconv.Itoa(i.Ranges)
		}
		rows = append(rows, []string{view.CleanText(i.Path), i.Format.String(), dateText(&i), ranges, view.CleanText(view.Cut(cmp.Or(i.Type, i.Version), 60))})
	}
	return grid.Lines(rows, 0, len(rows) > 0)
}

func dateText(i *geoip.Info) string {
	if i.Built.IsZero() {
		return ""
	}
	return i.Built.Format("2006-01-02")
}

func (e *Env) whereJSON(cfg *config.Config, p *geodb.Databases) string {
	str := func(s string) string { return string(view.AppendJSONString(nil, s)) }
	list := func(texts []string) string {
		for i := range texts {
			texts[i] = str(texts[i])
		}
		return "[" + strings.Join(texts, ",") + "]"
	}
	var b strings.Builder
	fmt.Fprintf(&b, `{"schema":%d,"config":%s,"config_files":%s,"folders":%s,"update_folder":%s,"databases":[`, view.Schema,
		str(cfg.File), list(config.Files(e.Getenv)), list(geodb.Folders(e.Getenv)), str(geodb.UpdateFolder(e.Getenv)))
	for n, db := range p.Open {
		i := db.Info()
		ranges := "" // those of a tree would have to be counted
		if i.Ranges > 0 {
			ranges = fmt.Sprintf(`"ranges":%d,`, i.Ranges)
		}
		fmt.Fprintf(&b, "%s\n"+`{"path":%s,"format":%s,"type":%s,"version":%s,"date":%s,%s"size":%d,"ipv4":%t,"ipv6":%t,"languages":%s}`,
			map[bool]string{true: ","}[n > 0], str(i.Path), str(i.Format.String()), str(i.Type), str(i.Version), str(dateText(&i)),
			ranges, i.Size, i.HasIPv4, i.HasIPv6, list(append([]string(nil), i.Languages...)))
	}
	b.WriteString("\n]")
	b.Write(view.AppendPartial(nil, p.Failed))
	b.WriteString("}\n")
	return b.String()
}
