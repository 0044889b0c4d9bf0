package main

import (
	"context"
	"io"
	"log/slog"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"tallyman/internal/desk"
	"tallyman/internal/fault"
	"tallyman/internal/httpapi"
	"tallyman/internal/intake"
	"tallyman/internal/keys"
	"tallyman/internal/orders"
	"tallyman/internal/pairing"
	"tallyman/internal/profile"
	"tallyman/internal/session"
	"tallyman/internal/sheet"
	"tallyman/internal/watch"
)

const watchHelp = `Makes the sheets of files that arrive in a folder.

Usage: tallyman watch [--format xlsx|csv|json|ebol] [--profile FILE] [--wait TIME] [--once] DIR

  tallyman watch /srv/inbox                              until it is stopped
  tallyman watch --once /srv/inbox                       what is there now, for cron
  tallyman watch --append-to /srv/loads.csv /srv/inbox   all sheets in one growing file, too

PDFs are bills of lading, other files order exports; archives are opened as by
"tallyman sheet". A file is read when it has not changed for a while: best give it
another name, such as one that ends with .part, until it is whole. Bills and exports
belong together that have bills in common, and wait for each other for --wait; then the
sheet is made without orders, and an export without bills fails.

Each sheet gets a folder in DIR/done, with its inputs and a list of what needs a
person's eye (….check.txt). What cannot be read is moved to DIR/failed, with the reason
(….reason.txt). An input has one such outcome, by its content, however the program ends.

Exit codes: 0 it was told to end, or with --once nothing is left to do; 1 the folder
cannot be watched.
`

type watchOptions struct {
	attending
	formats []string
	wait    time.Duration
	every   time.Duration
	settle  time.Duration
}

func runWatch(ctx context.Context, std streams, args []string) (int, error) {
	var o watchOptions
	flags := newFlags(std, "watch", watchHelp)
	flags.StringSliceVar(&o.formats, "format", []string{"xlsx"}, "write sheets as xlsx, csv, json or ebol; several are separated by commas")
	flags.StringVar(&o.profile, "profile", "", "make the sheets by the settings in `FILE`; see \"tallyman profile --help\"")
	flags.DurationVar(&o.wait, "wait", 10*time.Minute, "let bills and order exports wait for each other for this `TIME`; 0 for not at all")
	flags.DurationVar(&o.every, "every", 2*time.Second, "look into the folder every so much `TIME`")
	flags.DurationVar(&o.settle, "settle", time.Minute, "give up on a file that cannot be read when it has not changed for this `TIME`; 0 for at once")
	o.flags(flags)
	if err := parseWithEnvironment(flags, args); err != nil {
		return exitFailed, err
	}
	formats, err := formatsOf(o.formats)
	switch {
	case flags.NArg() != 1 || flags.Arg(0) == "":
		return exitFailed, misuse(flags, "name the folder to watch")
	case err != nil:
		return exitFailed, err
	case o.wait < 0 || o.settle < 0 || o.every <= 0 || o.timeout <= 0 || o.pageTimeout <= 0:
		return exitFailed, misuse(flags, "--every, --timeout and --page-timeout must be longer than 0, for example 2s; --wait and --settle must not be less")
	}
	if err := o.check(flags); err != nil {
		return exitFailed, err
	}
	maker, log, grow, err := o.open(ctx, std)
	if err != nil {
		return exitFailed, err
	}
	defer maker.reader.Close()
	return o.attend(ctx, watch.New(watch.Config{
		Dir: filepath.Clean(flags.Arg(0)), Maker: maker, List: listAll, Formats: formats, Append: grow,
		Every: o.every, Wait: orNone(o.wait), Patience: orNone(o.settle), AtOnce: o.workers, Log: log,
	}))
}

// attending are the options of the commands that make the sheets of what arrives.
type attending struct {
	sheetOptions
	once bool
	log  string
}

func (o *attending) flags(flags *pflag.FlagSet) {
	flags.StringVar(&o.grows, "append-to", "", "also add the rows of all sheets to the CSV file or workbook `FILE`, as \"tallyman sheet --append-to\" does")
	flags.BoolVar(&o.once, "once", false, "end when nothing is left to do but to wait")
	flags.BoolVar(&o.accept, "accept-unproved", false, "also put bills into the sheets that are of no known form and that no total proves")
	flags.IntVar(&o.workers, "workers", 0, "read with `N` processes (default: one per processor)")
	readingFlags(flags, "reading a file", &o.timeout, &o.pageTimeout, &o.tesseract)
	flags.StringVar(&o.log, "log", "auto", "json, text, or auto: text on a terminal, else json")
}

// check refuses invalid options.
func (o *attending) check(flags *pflag.FlagSet) error {
	switch {
	case o.workers < 0 || o.workers > maxWorkers:
		return misuse(flags, "--workers must be from 1 to %d", maxWorkers)
	case o.log != "auto" && o.log != "json" && o.log != "text":
		return misuse(flags, "--log must be json, text or auto")
	}
	return nil
}

// open starts what makes the sheets, whose reader the caller closes. It also returns the log, and
// what adds a sheet to the growing file, nil without one.
func (o *attending) open(ctx context.Context, std streams) (m *readingMaker, log *slog.Logger, grow func(context.Context, *sheet.Sheet) error, err error) {
	own, err := o.profileOf(ctx, std)
	if err != nil {
		return nil, nil, nil, err
	}
	growing, err := newGrowth(o.grows)
	if err != nil {
		return nil, nil, nil, err
	}
	if o.workers == 0 {
		o.workers = runtime.GOMAXPROCS(0)
	}
	log = newLog(o.log, std.err, std.err)
	reader, err := o.reader(log)
	return &readingMaker{reader, own, o.accept}, log, growing.logged(log), err
}

// attended is a place at which work arrives: a folder or a mailbox.
type attended interface {
	Once(context.Context) error
	Open() error
	Run(context.Context)
}

// attend does what has arrived, and without --once also what comes until ctx ends.
func (o *attending) attend(ctx context.Context, a attended) (int, error) {
	if o.once {
		return exitOK, a.Once(ctx)
	}
	err := a.Open()
	if err == nil {
		a.Run(ctx)
	}
	return exitOK, err
}

// orNone makes a time of 0 one that package watch takes for none.
func orNone(d time.Duration) time.Duration {
	if d == 0 {
		return -1
	}
	return d
}

func formatsOf(names []string) (formats []sheet.Format, err error) {
	for _, name := range names {
		f, err := sheet.ParseFormat(name)
		if err != nil {
			return nil, err
		}
		formats = append(formats, f)
	}
	return formats, nil
}

// listAll writes the summary of a sheet with all findings.
func listAll(w io.Writer, s *sheet.Sheet) { summarize(w, s, len(s.Findings)) }

// readingMaker makes sheets with workers of this process.
type readingMaker struct {
	reader *intake.Reader
	own    *profile.Profile
	accept bool
}

func (m *readingMaker) Numbers(ctx context.Context, role pairing.Role, f intake.File) ([]string, error) {
	if role == pairing.Orders {
		table, err := m.reader.Orders(ctx, f, m.own.Dialect())
		return sheet.BillNumbers(nil, table), err
	}
	doc, err := m.reader.Taught(m.own.LearntForms()).Bills(ctx, []intake.File{f}, nil)
	return sheet.BillNumbers(doc, nil), err
}

func (m *readingMaker) Make(ctx context.Context, bills, exports []intake.File) (*sheet.Sheet, error) {
	var tables []*orders.Table
	for _, f := range exports {
		table, err := m.reader.Orders(ctx, f, m.own.Dialect())
		if err != nil {
			return nil, fault.In(f.Name, err)
		}
		tables = append(tables, table)
	}
	doc, err := m.reader.Taught(m.own.LearntForms()).Bills(ctx, bills, nil)
	if err != nil {
		return nil, err
	}
	if m.accept {
		doc = doc.Accept()
	}
	return m.own.Rules().Make(doc, orders.Join(tables...)), nil
}

// deskMaker makes sheets as the service does for an owner.
type deskMaker struct {
	desk  *desk.Desk
	turn  func(context.Context, session.Owner) (context.Context, func(), error)
	owner session.Owner
}

func (m *deskMaker) Numbers(ctx context.Context, role pairing.Role, f intake.File) ([]string, error) {
	ctx, end, err := m.turn(ctx, m.owner)
	if err != nil {
		return nil, err
	}
	defer end()
	slot := session.BOL
	if role == pairing.Orders {
		slot = session.Orders
	}
	return m.desk.BillNumbers(ctx, m.owner, slot, f)
}

func (m *deskMaker) Make(ctx context.Context, bills, exports []intake.File) (*sheet.Sheet, error) {
	ctx, end, err := m.turn(ctx, m.owner)
	if err != nil {
		return nil, err
	}
	defer end()
	return m.desk.ConvertFiles(ctx, m.owner, bills, exports)
}

// watchers returns the watchers of the service's folders.
func (o *serveOptions) watchers(work *desk.Desk, api *httpapi.Server, known []keys.Key, log *slog.Logger) (all []*watch.Watcher, err error) {
	formats, err := formatsOf(o.watchFormats)
	if err != nil {
		return nil, err
	}
	for _, at := range o.watched {
		owner, dir, err := ownedPath("watch", at, known, "files these are")
		if err != nil {
			return nil, err
		}
		dir, err = filepath.Abs(dir)
		if err != nil {
			return nil, fault.New(fault.Unreadable, "%s cannot be watched: %w", at, err)
		}
		if dir == o.storage.data || strings.HasPrefix(dir+string(filepath.Separator), o.storage.data+string(filepath.Separator)) {
			return nil, fault.New(fault.BadRequest, "--watch %s is in the data directory, which is the server's own", at)
		}
		all = append(all, watch.New(watch.Config{
			Dir: dir, Maker: &deskMaker{work, api.Turn, owner}, List: listAll, Formats: formats,
			// Half of the workers, so that an owner's uploads in the page do not wait for a full folder.
			Wait: orNone(o.watchWait), AtOnce: max(1, o.workers/2), Log: log.With("owner", string(owner)),
		}))
	}
	return all, nil
}

// watchedFolders are the folders of --watch, without the names of keys.
func (o *serveOptions) watchedFolders() (dirs []string) {
	for _, at := range o.watched {
		dirs = append(dirs, withoutKey(at))
	}
	return dirs
}

func hasKey(known []keys.Key, name session.Owner) bool {
	return slices.ContainsFunc(known, func(k keys.Key) bool { return k.Name == name })
}
