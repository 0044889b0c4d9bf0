package main

import (
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

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
	sheet   sheetOptions
	formats []string
	wait    time.Duration
	every   time.Duration
	settle  time.Duration
	once    bool
	log     string
}

func runWatch(ctx context.Context, std streams, args []string) (int, error) {
	var o watchOptions
	flags := newFlags(std, "watch", watchHelp)
	flags.StringSliceVar(&o.formats, "format", []string{"xlsx"}, "write sheets as xlsx, csv, json or ebol; several are separated by commas")
	flags.StringVar(&o.sheet.profile, "profile", "", "make the sheets by the settings in `FILE`; see \"tallyman profile --help\"")
	flags.DurationVar(&o.wait, "wait", 10*time.Minute, "let bills and order exports wait for each other for this `TIME`; 0 for not at all")
	flags.DurationVar(&o.every, "every", 2*time.Second, "look into the folder every so much `TIME`")
	flags.DurationVar(&o.settle, "settle", time.Minute, "give up on a file that cannot be read when it has not changed for this `TIME`; 0 for at once")
	flags.StringVar(&o.sheet.grows, "append-to", "", "also add the rows of all sheets to the CSV file or workbook `FILE`, as \"tallyman sheet --append-to\" does")
	flags.BoolVar(&o.once, "once", false, "end when nothing is left to do but to wait")
	flags.BoolVar(&o.sheet.accept, "accept-unproved", false, "also put bills into the sheets that are of no known form and that no total proves")
	flags.IntVar(&o.sheet.workers, "workers", 0, "read with `N` processes (default: one per processor)")
	flags.DurationVar(&o.sheet.timeout, "timeout", 3*time.Minute, "give up on reading a file after this `TIME`")
	flags.DurationVar(&o.sheet.pageTimeout, "page-timeout", time.Minute, "give up on a page that is read from its picture after this `TIME`")
	flags.StringVar(&o.sheet.tesseract, "tesseract", "", secondReader)
	flags.StringVar(&o.log, "log", "auto", "json, text, or auto: text on a terminal, else json")
	if err := parse(flags, args); err != nil {
		return exitFailed, err
	}
	if err := fromEnvironment(flags); err != nil {
		return exitFailed, err
	}
	formats, err := formatsOf(o.formats)
	switch {
	case flags.NArg() != 1 || flags.Arg(0) == "":
		return exitFailed, misuse(flags, "name the folder to watch")
	case err != nil:
		return exitFailed, err
	case o.wait < 0 || o.settle < 0 || o.every <= 0 || o.sheet.timeout <= 0 || o.sheet.pageTimeout <= 0:
		return exitFailed, misuse(flags, "--every, --timeout and --page-timeout must be longer than 0, for example 2s; --wait and --settle must not be less")
	case o.sheet.workers < 0 || o.sheet.workers > maxWorkers:
		return exitFailed, misuse(flags, "--workers must be from 1 to %d", maxWorkers)
	case o.log != "auto" && o.log != "json" && o.log != "text":
		return exitFailed, misuse(flags, "--log must be json, text or auto")
	}
	own, err := o.sheet.profileOf(ctx, std)
	if err != nil {
		return exitFailed, err
	}
	growing, err := newGrowth(o.sheet.grows)
	if err != nil {
		return exitFailed, err
	}
	if o.sheet.workers == 0 {
		o.sheet.workers = runtime.GOMAXPROCS(0)
	}
	log := (&serveOptions{log: o.log}).logger(std.err, std.err)
	reader, err := o.sheet.reader(log)
	if err != nil {
		return exitFailed, err
	}
	defer reader.Close()
	w := watch.New(watch.Config{
		Append: growing.logged(log),
		Dir:    filepath.Clean(flags.Arg(0)), Maker: &readingMaker{reader, own, o.sheet.accept}, List: listAll, Formats: formats,
		Every: o.every, Wait: orNone(o.wait), Patience: orNone(o.settle), AtOnce: o.sheet.workers, Log: log,
	})
	return attend(ctx, w, o.once)
}

// attended is a place at which work arrives: a folder or a mailbox.
type attended interface {
	Once(context.Context) error
	Open() error
	Run(context.Context)
}

// attend does what has arrived, and unless once is true also what comes until ctx ends.
func attend(ctx context.Context, a attended, once bool) (int, error) {
	var err error
	if once {
		err = a.Once(ctx)
	} else if err = a.Open(); err == nil {
		a.Run(ctx)
	}
	if err != nil {
		return exitFailed, err
	}
	return exitOK, nil
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
		if _, err := os.Stat(at); err != nil {
			if _, rest, ok := strings.Cut(at, "="); ok {
				at = rest
			}
		}
		dirs = append(dirs, at)
	}
	return dirs
}

func hasKey(known []keys.Key, name session.Owner) bool {
	return slices.ContainsFunc(known, func(k keys.Key) bool { return k.Name == name })
}
