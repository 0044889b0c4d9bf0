package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"tallyman/internal/blob"
	"tallyman/internal/blob/stores"
	"tallyman/internal/fault"
	"tallyman/internal/jobs"
	"tallyman/internal/keys"
	"tallyman/internal/ops/transfer"
	"tallyman/internal/session"
	"tallyman/internal/text"
	"tallyman/internal/webhook"
)

const copyHelp = `Copies what a server keeps to another place: live sessions with their files,
profiles, webhooks, and the keys of the API. Their clients notice nothing when it is served from
there. Jobs and events of webhooks stay behind; those that had not ended are counted.
The source is left as it is.

Usage: tallyman copy --from PLACE [--from-blobs ADDRESS] --to PLACE [--to-blobs ADDRESS]
                     [--life TIME] [--cookie-life TIME] [--merge] [--dry-run]

  tallyman copy --from /var/lib/tallyman --to postgres://tallyman@db/tallyman --to-blobs s3://BUCKET/PREFIX
  tallyman copy --from postgres://tallyman@db/tallyman --from-blobs s3://BUCKET/PREFIX --to /srv/tallyman

A PLACE is a data directory, or postgres://USER@HOST/DATABASE. The contents of files
are in "contents" of a data directory unless --from-blobs or --to-blobs says where:
s3://BUCKET/PREFIX?endpoint=URL&region=NAME, or file:///DIR. With PostgreSQL they
must say so.

Stop all servers of both places first; a copy of places in use is refused. Give
--life and --cookie-life as the servers have them: sessions that they would call
expired are left out, and counted. Every content is checked on the way.

A copy that was broken off is taken up by giving the same command again. A target
that has sessions or keys of its own is refused, unless --merge says to add to it;
nothing there is ever replaced by another session.

Exit codes: 0 all was copied; 1 the copy did not come to its end: give the command
again; 3 it did, but what standard error names was damaged, in conflict,
or stays behind.
`

type copyOptions struct {
	from, fromBlobs string
	to, toBlobs     string
	lives           session.Lives
	merge, dryRun   bool
	connections     int
}

func runCopy(ctx context.Context, std streams, args []string) (int, error) {
	var o copyOptions
	flags := newFlags(std, "copy", copyHelp)
	flags.StringVar(&o.from, "from", "", "copy from this `PLACE`")
	flags.StringVar(&o.fromBlobs, "from-blobs", "", "where its contents are, if not in \"contents\" of the directory: an `ADDRESS`")
	flags.StringVar(&o.to, "to", "", "copy to this `PLACE`")
	flags.StringVar(&o.toBlobs, "to-blobs", "", "where its contents shall be, if not in \"contents\" of the directory: an `ADDRESS`")
	flags.DurationVar(&o.lives.Named, "life", 24*time.Hour, "leave out sessions that were not used for this `TIME`")
	flags.DurationVar(&o.lives.Cookie, "cookie-life", time.Hour, "leave out browsers' sessions that were not used for this `TIME`")
	flags.BoolVar(&o.merge, "merge", false, "add to a target that has sessions or keys of its own")
	flags.BoolVar(&o.dryRun, "dry-run", false, "only count")
	flags.IntVar(&o.connections, "store-connections", 16, "open at most `N` connections to PostgreSQL")
	if err := parseWithEnvironment(flags, args, "life", "cookie-life"); err != nil {
		return exitFailed, err
	}
	from, to, err := o.places(flags)
	if err != nil {
		return exitFailed, err
	}
	code, err := o.copy(ctx, std, from, to)
	if ctx.Err() != nil && fault.CodeOf(err) == fault.Cancelled {
		return exitFailed, fault.New(fault.Cancelled, "stopped before the end; run the same command again to continue")
	}
	return code, withCause(err)
}

// withCause adds the cause to a fault of storage, since no log shows it here.
func withCause(err error) error {
	var f *fault.Error
	if !errors.As(err, &f) || f.Err == nil || f.Code != session.StorageFull && f.Code != session.StorageUnavailable || strings.Contains(f.Message, f.Err.Error()) {
		return err
	}
	message := strings.TrimSuffix(f.Message, "; try again later; the server's log says why")
	return fault.New(f.Code, "%s (%w)", message, f.Err)
}

// places reads the options of both sides, and refuses invalid ones.
func (o *copyOptions) places(flags *pflag.FlagSet) (from, to *storageOptions, err error) {
	if flags.NArg() > 0 {
		return nil, nil, misuse(flags, "there is no argument %q", flags.Arg(0))
	}
	if o.lives.Named <= 0 || o.lives.Cookie <= 0 {
		return nil, nil, misuse(flags, "--life and --cookie-life must be longer than 0, for example 90s")
	}
	if from, err = o.place(flags, "from", o.from, o.fromBlobs); err != nil {
		return nil, nil, err
	}
	if to, err = o.place(flags, "to", o.to, o.toBlobs); err != nil {
		return nil, nil, err
	}
	if from.store == "" && to.store == "" && sameDir(from.data, to.data) {
		return nil, nil, misuse(flags, "--from and --to name the same directory")
	}
	return from, to, nil
}

// place reads the options of one side.
func (o *copyOptions) place(flags *pflag.FlagSet, side, place, blobs string) (*storageOptions, error) {
	s := &storageOptions{blobs: blobs, connections: o.connections}
	dir, ok, err := folder(place)
	switch {
	case place == "":
		return nil, misuse(flags, "--%s is needed: a data directory, or postgres://USER@HOST/DATABASE", side)
	case err != nil:
		return nil, misuse(flags, "--%s: %v", side, err)
	case ok:
		s.data = dir
	case isPostgres(place):
		s.store = place
		if blobs == "" {
			return nil, misuse(flags, "--%s-blobs is needed with PostgreSQL: s3://BUCKET/PREFIX, or file:///DIR", side)
		}
	case strings.Contains(place, "://"):
		return nil, misuse(flags, "--%s must be a data directory, or begin with postgres:// or file://", side)
	default:
		s.data = place
	}
	if s.connections < 1 || s.connections > 1000 {
		return nil, misuse(flags, "--store-connections must be from 1 to 1000")
	}
	if blobs != "" {
		if _, err := stores.Parse(blobs); err != nil {
			return nil, misuse(flags, "--%s-blobs: %v", side, err)
		}
	}
	if s.store == "" {
		if s.data, err = filepath.Abs(s.data); err != nil {
			return nil, fault.New(fault.Unreadable, "%s cannot be used for data: %w", place, err)
		}
	}
	return s, nil
}

// sameDir reports whether two names mean one directory.
func sameDir(a, b string) bool {
	if a == b {
		return true
	}
	x, xerr := os.Stat(a)
	y, yerr := os.Stat(b)
	return xerr == nil && yerr == nil && os.SameFile(x, y)
}

// openForCopy opens the sessions of one side of a copy exclusively. It fails with
// errNothing if they must exist and do not.
func (o *storageOptions) openForCopy(ctx context.Context, existing bool) (*storage, error) {
	return o.sessions(ctx, opening{
		settings: session.Settings{
			// The copy decides which sessions live, and the servers how many there
			// may be.
			Lives:       session.Lives{Named: always, Cookie: always},
			MaxSessions: math.MaxInt32,
		},
		existing: existing, alone: true, log: slog.New(slog.DiscardHandler),
	})
}

// always is longer than any session lives.
const always = 100 * 365 * 24 * time.Hour

// contentsExist fails if the folder of the contents is missing.
func (o *storageOptions) contentsExist() error {
	dir := filepath.Join(o.data, "contents")
	if o.blobs != "" {
		a, err := stores.Parse(o.blobs)
		if err != nil || a.Shared() {
			return err
		}
		dir = a.Dir
	}
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return fault.New(fault.Unreadable, "there is no folder %s with the contents of files; say where they are with --from-blobs", dir)
	} else if err != nil {
		return fault.New(fault.Unreadable, "the contents in %s cannot be read: %w", dir, err)
	}
	return nil
}

// copy copies, or counts.
func (o *copyOptions) copy(ctx context.Context, std streams, from, to *storageOptions) (code int, err error) {
	source, err := from.openForCopy(ctx, true)
	if err != nil {
		return exitFailed, fault.In("the source", err)
	}
	defer func() { err = errors.Join(err, source.close()) }()
	if err = from.contentsExist(); err == nil {
		err = source.openContents(ctx, from)
	}
	if err != nil {
		return exitFailed, fault.In("the source", err)
	}
	target, err := to.openForCopy(ctx, o.dryRun)
	if o.dryRun && fault.CodeOf(err) == errNothing {
		target, err = &storage{}, nil // does not exist yet
	}
	if err != nil {
		return exitFailed, fault.In("the target", err)
	}
	defer func() { err = errors.Join(err, target.close()) }()
	if !o.dryRun {
		if err := target.openContents(ctx, to); err != nil {
			return exitFailed, fault.In("the target", err)
		}
		if err := target.ownContents(ctx, to); err != nil {
			return exitFailed, fault.In("the target", err)
		}
	}

	left, err := source.unfinished(ctx)
	if err != nil {
		return exitFailed, fault.In("the source", err)
	}
	show := newCopyProgress(std)
	options := transfer.Options{Lives: o.lives, Merge: o.merge, Progress: show.show}
	src := transfer.Source{Sessions: source.sessions, Contents: source.contents, Keys: source.keys}
	dst, err := takes(target)
	if err != nil {
		return exitFailed, err
	}
	if o.dryRun {
		r, err := transfer.Survey(ctx, src, dst, options)
		if err == nil || fault.CodeOf(err) == transfer.Occupied {
			show.line("%s to copy from %s to %s", amount(r), from.where(), to.where())
			show.rest(r)
			show.behind(left)
		}
		return exitOK, err
	}
	r, err := transfer.Copy(ctx, src, dst, options)
	show.clear()
	show.problems(r)
	if err != nil {
		if r.Copied > 0 || r.Contents > 0 {
			show.line("%s copied until then; run the same command again to continue", text.Count(r.Copied, "session"))
		}
		return exitFailed, err
	}
	show.line("%s copied from %s to %s", amountCopied(r), from.where(), to.where())
	show.rest(r)
	show.behind(left)
	if len(r.Problems) > 0 || left != (unfinished{}) {
		return exitStrict, nil
	}
	return exitOK, nil
}

// unfinished is what a copy leaves behind: tasks that have not ended.
type unfinished struct{ jobs, events int }

// unfinished counts the tasks that a copy leaves behind.
func (s *storage) unfinished(ctx context.Context) (u unfinished, err error) {
	c, err := s.tasks.Count(ctx, jobs.Kind)
	if err != nil {
		return u, err
	}
	u.jobs = c.Waiting + c.Claimed
	u.events, err = webhook.Unsent(ctx, s.sessions.Webhooks(), s.tasks)
	return u, err
}

// takes returns a place as the target of a copy. Parts that are not open stay nil.
func takes(s *storage) (t transfer.Target, err error) {
	ok := true
	take := func(open bool, can func() bool) { ok = ok && (!open || can()) }
	take(s.sessions != nil, func() (can bool) { t.Sessions, can = s.sessions.(session.Importer); return })
	take(s.contents != nil, func() (can bool) { t.Contents, can = s.contents.(blob.Importer); return })
	take(s.keys != nil, func() (can bool) { t.Keys, can = s.keys.(keys.Importer); return })
	if !ok {
		return t, errors.New("the target does not support imports")
	}
	return t, nil
}

func amount(r transfer.Report) string {
	return fmt.Sprintf("%s with %s of %s, %s", text.Count(r.Sessions-r.There, "session"), text.Count(r.Files, "file"), text.Size(r.Bytes), text.Count(r.Keys-r.KeysThere, "key")) + andProfiles(r.Profiles)
}

func andProfiles(n int) string {
	if n == 0 {
		return ""
	}
	return ", " + text.Count(n, "profile")
}

func amountCopied(r transfer.Report) string {
	return fmt.Sprintf("%s, %s of %s, %s", text.Count(r.Copied, "session"), text.Count(r.Contents, "content"), text.Size(r.ContentBytes), text.Count(r.KeysCopied, "key")) + andProfiles(r.ProfilesCopied)
}

// copyProgress shows the progress of a copy on standard error: on a terminal in one
// line that changes, elsewhere in a line now and then.
type copyProgress struct {
	terminal
	std   streams
	every time.Duration
	last  time.Time
}

func newCopyProgress(std streams) *copyProgress {
	p := &copyProgress{terminal: terminalOf(std.err), std: std, every: 10 * time.Second, last: time.Now()}
	if p.w != nil {
		p.every = 200 * time.Millisecond
	}
	return p
}

func (p *copyProgress) show(r transfer.Report) {
	if time.Since(p.last) < p.every {
		return
	}
	p.last = time.Now()
	line := fmt.Sprintf("%d of %s, %s of %s", r.There+r.Copied, text.Count(r.Sessions, "session"), text.Count(r.Contents, "content"), text.Size(r.ContentBytes))
	if len(r.Problems) > 0 {
		line += ", " + text.Count(len(r.Problems), "problem")
	}
	if p.w == nil {
		p.line("%s", line)
		return
	}
	p.terminal.show(line)
}

func (p *copyProgress) line(format string, args ...any) { tell(p.std.err, format, args...) }

// problems lists what could not be copied.
func (p *copyProgress) problems(r transfer.Report) {
	for _, problem := range r.Problems {
		p.line("not copied: %s", problem)
	}
}

// behind reports what no copy carries.
func (p *copyProgress) behind(u unfinished) {
	if u != (unfinished{}) {
		p.line("not copied: %s not ended, %s not delivered; have a server of the source finish them, and copy again, or do without them", text.Count(u.jobs, "job"), text.Count(u.events, "event"))
	}
}

// rest reports what exists beyond what is copied.
func (p *copyProgress) rest(r transfer.Report) {
	if r.There > 0 || r.KeysThere > 0 {
		p.line("%s and %s were there already", text.Count(r.There, "session"), text.Count(r.KeysThere, "key"))
	}
	if r.Expired > 0 {
		p.line("%s left out", text.Count(r.Expired, "expired session"))
	}
	if r.Others > 0 || r.OtherKeys > 0 || r.OtherProfiles > 0 {
		p.line("the target has %s and %s of its own", text.Count(r.Others, "session"), text.Count(r.OtherKeys, "key")+andProfiles(r.OtherProfiles))
	}
	if n := len(r.Problems); n > 0 {
		p.line("%s above: everything else was copied", text.Count(n, "problem"))
	}
}
