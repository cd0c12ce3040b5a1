package geoip

// Option changes how a database is opened.
type Option func(*options)

type options struct {
	languages []string
	format    Format
	noMap     bool
}

// Languages are the languages wanted for names, the best first, as the file calls them ("zh-CN", "en" in MMDB; "CN",
// "EN" in ipdb). A name that is in none of them is given in English, else in whatever the file has. Formats with one
// language ignore them.
func Languages(names ...string) Option { return func(o *options) { o.languages = names } }

// As opens the file as one of the given format, whatever it looks like.
func As(f Format) Option { return func(o *options) { o.format = f } }

// InMemory reads the file into memory instead of mapping it. Nothing that is done to the file is then noticed before
// [DB.Reload].
func InMemory() Option { return func(o *options) { o.noMap = true } }
