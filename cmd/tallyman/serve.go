package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/pflag"
	"go.opentelemetry.io/otel/trace"

	"tallyman/internal/desk"
	"tallyman/internal/fault"
	"tallyman/internal/httpapi"
	"tallyman/internal/intake"
	"tallyman/internal/intake/tesseract"
	"tallyman/internal/intake/worker"
	"tallyman/internal/keys"
	"tallyman/internal/mailbox"
	"tallyman/internal/ops/doctor"
	"tallyman/internal/ops/tracing"
	"tallyman/internal/queue"
	"tallyman/internal/session"
	"tallyman/internal/watch"
	"tallyman/internal/webhook"
)

const serveHelp = `Runs the service and the web page.

Usage: tallyman serve [--listen ADDR] [--data DIR] [OPTION …]

  tallyman serve                                    for this machine only, at http://127.0.0.1:8080
  tallyman key add depot && tallyman serve --listen :8080   for others, who need a key

Without keys the server listens for this machine only, unless it is told --open.

Every option can be given as an environment variable, too: TALLYMAN_LISTEN for
--listen, TALLYMAN_MAX_UPLOAD for --max-upload; lists are separated by commas. An
option on the command line wins. PORT, which hosting platforms set, chooses the
port if neither does: on all addresses if there are keys or --open is given, else
for this machine only.

SIGTERM and SIGINT end it: what was accepted is finished, within --grace.
`

type serveOptions struct {
	storage            storageOptions
	listen             string
	cache              string
	open               bool
	hosts              []string
	embed              []string
	cors               []string
	maxUpload          int64 // MB
	workers            int
	pdfium             bool
	judge              int
	workerMemory       int64 // MB
	timeout            time.Duration
	pageTimeout        time.Duration
	tesseract          string
	queue              int
	life               time.Duration
	cookieLife         time.Duration
	maxSessions        int
	streams            int
	connections        int
	maxLines           int
	ownerReading       int
	ownerUploads       int
	ownerSessions      int
	ownerJobs          int
	ownerStorage       int64 // MB
	addressConnections int
	memory             int64 // MB
	adminListen        string
	ownerStreams       int
	orphanAge          time.Duration
	sweepShare         int // percent
	grace              time.Duration
	sandbox            bool        // refuse to start without all of it
	over               *time.Timer // ends the program by force, after the grace period
	log                string
	traces             string
	watched            []string
	watchFormats       []string
	watchWait          time.Duration
	webhookAllow       []string
	webhookPrivate     []string
	publicURL          string
	mails              []string
}

// adminConnections bounds the connections of --admin-listen.
const adminConnections = 64

// closingTime is how long the program may take to close what it has open, after the grace
// period. Tests shorten it.
var closingTime = 10 * time.Second

const defaultListen = "127.0.0.1:8080"

func (o *serveOptions) flags(std streams) *pflag.FlagSet {
	flags := newFlags(std, "serve", serveHelp)
	flags.StringVar(&o.listen, "listen", defaultListen, "listen at this `ADDR`: HOST:PORT, or :PORT for all addresses")
	o.storage.flags(flags)
	flags.StringVar(&o.cache, "cache", "", "keep compiled code in this `DIR` (default: cache in the data directory)")
	flags.BoolVar(&o.open, "open", false, "let anybody who can reach the server use it, without a key")
	flags.StringSliceVar(&o.hosts, "host", nil, "answer requests for this `NAME` as well, without keys on loopback (a proxy's)")
	flags.StringSliceVar(&o.embed, "embed", nil, "let this `ORIGIN` (https://example.com) show the page in a frame; needs HTTPS")
	flags.StringSliceVar(&o.cors, "cors", nil, "let only pages of this `ORIGIN` read answers (default: any; without keys on this machine's own address: none)")
	flags.Int64Var(&o.maxUpload, "max-upload", 64, "take at most so many `MB` in one request")
	flags.IntVar(&o.workers, "workers", 0, "read with `N` processes (default: one per processor)")
	flags.Int64Var(&o.workerMemory, "worker-memory", 512, "let each of them use so many `MB` of memory, 128 or more")
	readingFlags(flags, "a file", &o.timeout, &o.pageTimeout, &o.tesseract)
	flags.BoolVar(&o.pdfium, "pdfium", false, "read all PDFs with PDFium, which takes longer")
	flags.IntVar(&o.judge, "judge", 200, "of `N` PDFs read without PDFium, read one with it as well, to compare; 0 for none")
	flags.IntVar(&o.queue, "queue", 64, "let `N` uploads wait to be read; further ones are told to come again")
	flags.DurationVar(&o.life, "life", 24*time.Hour, "forget a session that was not used for this `TIME`")
	flags.DurationVar(&o.cookieLife, "cookie-life", time.Hour, "forget a browser's session that was not used for this `TIME`")
	flags.IntVar(&o.maxSessions, "max-sessions", 1_000_000, "keep at most `N` sessions")
	flags.IntVar(&o.streams, "streams", 1000, "keep at most `N` event streams open")
	flags.IntVar(&o.connections, "connections", 4096, "serve at most `N` connections at once; further ones are told to come again")
	flags.IntVar(&o.addressConnections, "address-connections", 0, "of these, at most `N` of one address that has shown no key yet (default: a quarter; without keys all)")
	flags.StringVar(&o.adminListen, "admin-listen", "", "serve health and measurements at this `ADDR`, too, with connections of their own; others must not reach it (default: none)")
	flags.Int64Var(&o.memory, "memory", 0, "use so many `MB` for documents in the server; requests that need more wait, and are then told to come again (default: 0.4 of what the machine or its control group gives)")
	flags.IntVar(&o.maxLines, "max-lines", 100_000, "let the bills of one session have `N` lines together at most")
	flags.IntVar(&o.ownerReading, "owner-reading", 0, "read at most `N` uploads of one owner at once (default: as many as there are --workers)")
	flags.IntVar(&o.ownerUploads, "owner-uploads", 32, "take at most `N` uploads of one owner at once, and let as many wait to begin")
	flags.IntVar(&o.ownerJobs, "owner-jobs", 100, "let `N` jobs of one owner wait or run; further ones are told to come again")
	flags.IntVar(&o.ownerSessions, "owner-sessions", 0, "keep at most `N` sessions of one owner (default: a tenth of --max-sessions; without keys all)")
	flags.Int64Var(&o.ownerStorage, "owner-storage", 20<<10, "keep at most so many `MB` of files of one owner, those of uploads under way included")
	flags.IntVar(&o.ownerStreams, "owner-streams", 0, "keep at most `N` event streams of one owner open (default: a quarter of --streams; without keys all)")
	flags.DurationVar(&o.orphanAge, "orphan-age", 0, "remove a stored file that no session names after this `TIME`, longer than any upload (default: 10m; 24h where other servers may store files)")
	flags.IntVar(&o.sweepShare, "sweep-share", session.DefaultShare, "stop a sweep that would remove more than so many `PERCENT` of the stored files as such")
	flags.DurationVar(&o.grace, "grace", time.Minute, "when told to end, finish what was accepted within this `TIME`")
	flags.BoolVar(&o.sandbox, "require-sandbox", false, "refuse to start unless this machine can confine workers wholly (see docs/SECURITY.md)")
	flags.StringVar(&o.traces, "traces", "", "send traces to this `URL` of an OpenTelemetry collector (http://localhost:4318); OTEL_… variables say what else (default: none)")
	flags.StringArrayVar(&o.watched, "watch", nil, "make the sheets of files that arrive in this `[KEY=]DIR` as well, as an owner of that key's name; can be repeated (see \"tallyman watch --help\")")
	flags.StringSliceVar(&o.watchFormats, "watch-format", []string{"xlsx"}, "write those sheets as xlsx, csv, json or ebol")
	flags.DurationVar(&o.watchWait, "watch-wait", 10*time.Minute, "let bills and order exports in a folder wait for each other for this `TIME`")
	flags.StringSliceVar(&o.webhookAllow, "webhook-allow", nil, "let owners have events sent to this `HOST` (hooks.example.com, *.example.com, http://n8n.internal:5678; * for every host); can be repeated (default: none)")
	flags.StringSliceVar(&o.webhookPrivate, "webhook-private", nil, "let these events go to this `NETWORK` although it is not public (10.1.2.0/24); can be repeated")
	flags.StringVar(&o.publicURL, "public-url", "", "begin links in events with this `URL`, by which others reach the server")
	flags.StringArrayVar(&o.mails, "mail", nil, "make the sheets of mails as well, of the mailbox whose settings are in this `[KEY=]FILE`, as an owner of that key's name; can be repeated (see \"tallyman mail --help\")")
	flags.StringVar(&o.log, "log", "auto", "json, text, or auto: text on a terminal, else json")
	return flags
}

// parseWithEnvironment is parse, and sets options that are not on the command line from
// their environment variables: all of them, or those that are named.
func parseWithEnvironment(flags *pflag.FlagSet, args []string, names ...string) error {
	first := parse(flags, args)
	flags.VisitAll(func(f *pflag.Flag) {
		if len(names) > 0 && !slices.Contains(names, f.Name) {
			return
		}
		name := "TALLYMAN_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		value, ok := os.LookupEnv(name)
		if !ok || value == "" || f.Changed || first != nil {
			return
		}
		if err := flags.Set(f.Name, value); err != nil {
			first = misuse(flags, "%s: %v", name, err)
		}
	})
	return first
}

// check refuses invalid options.
func (o *serveOptions) check(flags *pflag.FlagSet) error {
	switch {
	case flags.NArg() > 0:
		return misuse(flags, "there is no argument %q", flags.Arg(0))
	case o.maxUpload < 1 || o.maxUpload > 4095:
		return misuse(flags, "--max-upload must be from 1 to 4095 (MB)")
	case o.workers < 0 || o.workers > maxWorkers:
		return misuse(flags, "--workers must be from 1 to %d", maxWorkers)
	case o.workerMemory < 128:
		return misuse(flags, "--worker-memory must be 128 (MB) or more: the PDF engine and an ordinary document need that")
	case o.queue < 1 || o.maxSessions < 1 || o.streams < 1 || o.connections < 1 || o.addressConnections < 0 || o.memory < 0 || o.maxLines < 1:
		return misuse(flags, "--queue, --max-sessions, --streams, --connections and --max-lines must be 1 or more")
	case o.ownerReading < 0 || o.ownerUploads < 1 || o.ownerJobs < 1 || o.ownerSessions < 0 || o.ownerStorage < 1 || o.ownerStreams < 0:
		return misuse(flags, "--owner-reading, --owner-sessions and --owner-streams must not be less than 0; --owner-uploads, --owner-jobs and --owner-storage must be 1 or more")
	case o.judge < 0:
		return misuse(flags, "--judge must be 0 or more")
	case o.timeout <= 0 || o.pageTimeout <= 0 || o.life <= 0 || o.cookieLife <= 0 || o.grace < 0:
		return misuse(flags, "--timeout, --page-timeout, --life and --cookie-life must be longer than 0, for example 90s")
	case o.orphanAge < 0 || o.sweepShare < 1 || o.sweepShare > 100:
		return misuse(flags, "--orphan-age must not be less than 0, and --sweep-share must be from 1 to 100")
	case o.watchWait < 0:
		return misuse(flags, "--watch-wait must not be less than 0")
	case o.log != "auto" && o.log != "json" && o.log != "text":
		return misuse(flags, "--log must be json, text or auto")
	}
	if o.traces != "" {
		if err := tracing.CheckURL(o.traces); err != nil {
			return misuse(flags, "--traces: %v", err)
		}
	}
	if _, err := webhook.NewPolicy(o.webhookAllow, o.webhookPrivate); err != nil {
		return misuse(flags, "--webhook-allow, --webhook-private: %v", err)
	}
	if len(o.webhookPrivate) > 0 && len(o.webhookAllow) == 0 {
		return misuse(flags, "--webhook-private adds to --webhook-allow; give that, too")
	}
	if u, err := url.Parse(o.publicURL); o.publicURL != "" && (err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.RawQuery != "" || u.Fragment != "") {
		return misuse(flags, "--public-url is an address such as https://tallyman.example.com, not %q", o.publicURL)
	}
	for _, list := range [][]string{o.embed, o.cors} {
		for _, origin := range list {
			u, err := url.Parse(origin)
			if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.Scheme+"://"+u.Host != origin {
				return misuse(flags, "%q is not an origin; give one such as https://example.com, without a path", origin)
			}
		}
	}
	return nil
}

// newLog returns a log of a kind, as --log names it, for what is at the other end of w, a
// terminal perhaps.
func newLog(kind string, end, w io.Writer) *slog.Logger {
	if kind == "text" || kind == "auto" && terminalOf(end).w != nil {
		return slog.New(slog.NewTextHandler(w, nil))
	}
	return slog.New(slog.NewJSONHandler(w, nil))
}

// address decides where to listen, and whether only this machine can connect. It
// fails if the service would be open by accident (DESIGN.md §8).
func (o *serveOptions) address(flags *pflag.FlagSet, haveKeys bool) (address string, loopback bool, err error) {
	if port := os.Getenv("PORT"); port != "" && !flags.Changed("listen") {
		host := "127.0.0.1"
		if haveKeys || o.open {
			host = ""
		}
		return net.JoinHostPort(host, port), host != "", nil
	}
	host, _, err := net.SplitHostPort(o.listen)
	if err != nil {
		return "", false, misuse(flags, "--listen %q: %v; give HOST:PORT", o.listen, err)
	}
	loopback = host == "localhost" || net.ParseIP(host).IsLoopback()
	if !loopback && !haveKeys && !o.open {
		return "", false, fault.New(fault.BadRequest, "%s can be reached by others, and there are no keys: make one with \"tallyman key add NAME%s\", "+
			"listen on 127.0.0.1, or give --open to let everybody in", o.listen, o.storage.again())
	}
	return o.listen, loopback, nil
}

func runServe(ctx context.Context, std streams, args []string) (int, error) {
	var o serveOptions
	flags := o.flags(std)
	if err := parseWithEnvironment(flags, args); err != nil {
		return exitFailed, err
	}
	if err := errors.Join(o.check(flags), o.storage.check(flags)); err != nil {
		return exitFailed, err
	}
	if o.storage.store == "" {
		// This comes before anything is created: a refused start leaves nothing
		// behind.
		known, err := keys.Open(o.storage.data).All(ctx)
		if err != nil {
			return exitFailed, err
		}
		if _, _, err := o.address(flags, len(known) > 0); err != nil {
			return exitFailed, err
		}
	}
	missing := worker.Missing()
	if o.sandbox && missing != "" {
		return exitFailed, fault.New(fault.BadRequest, "this machine cannot confine workers wholly; missing: %s. Run it where they are, or without --require-sandbox", missing)
	}
	defer func() {
		if o.over != nil {
			o.over.Stop()
		}
	}()
	out := newLines(std.err)
	defer out.flush()
	log := newLog(o.log, std.err, out)
	if missing != "" {
		log.Warn("workers are not wholly confined; --require-sandbox refuses to start then", "missing", missing)
	}
	traces, err := o.trace(ctx, log)
	if err != nil {
		return exitFailed, err
	}
	defer traces.close()
	log = traces.log
	at, err := o.storage.open(ctx, session.Settings{
		Lives:       session.Lives{Named: o.life, Cookie: o.cookieLife},
		MaxSessions: o.maxSessions,
	}, log)
	if err != nil {
		return exitFailed, err
	}
	err = o.serve(ctx, log, out, flags, at, traces)
	return exitOK, errors.Join(err, at.close())
}

// serve runs the service until ctx ends, and then finishes the accepted requests.
func (o *serveOptions) serve(ctx context.Context, log *slog.Logger, out *lines, flags *pflag.FlagSet, at *storage, traces traces) error {
	known, err := at.keys.All(ctx)
	if err != nil {
		return err
	}
	address, loopback, err := o.address(flags, len(known) > 0)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return fault.New(fault.BadRequest, "the server cannot listen at %s: %w", address, err)
	}
	if o.memory == 0 {
		limit, _ := doctor.MemoryLimit(0)
		if limit <= 0 || limit > 1<<40 {
			limit = 4 << 30 // it is not known
		}
		o.memory = max(limit*2/5>>20, 64)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(o.memory<<20*3/2 + 128<<20) // with garbage, and all else in the server
	}
	ownerMemory := o.memory << 20
	if len(known) > 0 {
		ownerMemory = ownerMemory * 3 / 4 // the others have some in any case
	}
	var adminListener net.Listener
	if o.adminListen != "" {
		if adminListener, err = net.Listen("tcp", o.adminListen); err != nil {
			return fault.New(fault.BadRequest, "the server cannot listen at %s: %w", o.adminListen, err)
		}
		defer adminListener.Close()
	}
	if o.addressConnections == 0 {
		if o.addressConnections = o.connections; len(known) > 0 {
			o.addressConnections = max(1, o.connections/4)
		}
	}
	if o.workers == 0 {
		o.workers = runtime.GOMAXPROCS(0)
	}
	second, err := tesseract.Find(o.tesseract)
	if err != nil {
		return err
	}
	reading := intake.Config{
		Workers: o.workers, Memory: o.workerMemory << 20, Time: o.timeout, PageTime: o.pageTimeout, Kept: intake.NewKept(),
		Cache: o.cacheDir(o.storage.data), PDFium: o.pdfium, Judge: o.judge, Second: second, Log: log,
	}
	// Documents give way to short requests, and those of the owner who has all places to
	// that of the owner who has the spare one.
	reading.Yield = true
	reader := intake.New(reading)
	defer reader.Close()
	reading.Workers, reading.Yield = 1, false
	spare := intake.New(reading)
	defer spare.Close()
	if o.ownerSessions == 0 {
		if o.ownerSessions = o.maxSessions; len(known) > 0 {
			o.ownerSessions = max(1, o.maxSessions/10)
		}
	}
	if o.ownerStreams == 0 && len(known) > 0 {
		o.ownerStreams = max(1, o.streams/4)
	}

	var orphans atomic.Int64 // at which the sweep stopped
	work := desk.New(traces.sessions(at.sessions), traces.contents(at.contents), reader, desk.Limits{
		Reading: o.workers, Waiting: o.queue, Lines: o.maxLines, Spare: spare,
		Memory: o.memory << 20, OwnerMemory: ownerMemory,
		OwnerReading: o.ownerReading, OwnerUploads: o.ownerUploads, OwnerSessions: o.ownerSessions, OwnerBytes: o.ownerStorage << 20,
	})
	hooks, err := o.webhooks(at, log, traces.tracer)
	if err != nil {
		return err
	}
	var watchers []*watch.Watcher
	var mailboxes []*mailbox.Mailbox
	api := httpapi.New(httpapi.Config{
		Webhooks: hooks, PublicURL: o.publicURL,
		Mailboxes: func() []mailbox.State { return states(mailboxes) },
		Folders:   func() []watch.State { return states(watchers) },
		Desk:      work,
		Keys:      at.keys,
		Bus:       at.bus,
		Secret:    at.secret,
		Orphans:   orphans.Load,
		Tasks:     at.tasks, Jobs: o.ownerJobs, JobsAtOnce: o.workers, JobsKept: o.life,
		Loopback: loopback, Open: o.open, Hosts: o.hosts, Embed: o.embed, Origins: o.cors,
		MaxUpload: o.maxUpload << 20, Streams: o.streams, OwnerStreams: o.ownerStreams, Version: version, Log: log, Tracer: traces.tracer,
	})
	if mailboxes, err = o.mailboxes(streams{err: os.Stderr}, work, api, known, log); err != nil {
		return err
	}
	if watchers, err = o.watchers(work, api, known, log); err != nil {
		return err
	}
	server := &http.Server{
		Handler: api,
		// Bodies have their own limits, since a large one may take long.
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	server.RegisterOnShutdown(api.EndStreams)
	admin := &http.Server{Handler: api.Operators(), ReadHeaderTimeout: server.ReadHeaderTimeout, IdleTimeout: server.IdleTimeout, MaxHeaderBytes: server.MaxHeaderBytes, ErrorLog: server.ErrorLog}

	var background sync.WaitGroup
	sweeping, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer background.Wait()
	defer stop()
	janitor := at.janitor(log, o.orphanAge)
	janitor.Share, janitor.Gone = o.sweepShare, work.Forget
	janitor.Stopped = func(stopped bool, found int) {
		if !stopped {
			found = 0
		}
		orphans.Store(int64(found))
	}
	background.Go(func() { janitor.Run(sweeping) })
	background.Go(func() { queue.Sweep(sweeping, at.tasks, log) })
	background.Go(func() { api.RunJobs(ctx) })
	background.Go(reader.Warm)
	var sending sync.WaitGroup
	defer sending.Wait()
	if hooks != nil {
		sending.Go(func() { hooks.Run(ctx) })
	}
	for _, m := range mailboxes {
		background.Go(func() { m.Run(ctx) })
	}
	for _, w := range watchers {
		background.Go(func() { w.Run(ctx) })
	}

	log.Info("listening", "url", "http://"+listener.Addr().String(), "data", o.storage.where(), "contents", o.storage.contentsAt(), "keys", len(known),
		"loopback", loopback, "open", o.open, "workers", o.workers, "sandbox", worker.Sandbox(), "version", version)
	if os.Getenv("PORT") != "" && loopback && len(known) == 0 {
		log.Warn("only this machine can reach the server: there are no keys; make one with \"tallyman key add NAME\" and start again, or give --open")
	}
	failed := make(chan error, 2)
	go func() { failed <- api.Serve(server, api.Limit(listener, o.connections, o.addressConnections)) }()
	if o.adminListen != "" {
		go func() {
			failed <- admin.Serve(api.Limit(adminListener, adminConnections, adminConnections))
		}()
	}
	select {
	case err := <-failed:
		return fmt.Errorf("serving: %w", err)
	case <-ctx.Done():
	}
	// Whatever hangs from now on, the program ends.
	o.over = time.AfterFunc(o.grace+closingTime, func() {
		said := make(chan struct{})
		go func() {
			log.Error("ended by force: something did not end within the grace period", "grace", o.grace)
			out.flush()
			close(said)
		}()
		select {
		case <-said:
		case <-time.After(time.Second): // nobody reads the log
		}
		os.Exit(exitFailed)
	})
	log.Info("ending", "grace", o.grace)
	finish, cancel := context.WithTimeout(context.WithoutCancel(ctx), o.grace)
	defer cancel()
	defer admin.Close()
	if err := server.Shutdown(finish); err != nil {
		server.Close()
		return fault.New(fault.TooSlow, "ended before all requests were answered, since that took longer than %v (--grace)", o.grace)
	}
	sending.Wait()
	log.Info("ended")
	return nil
}

// states returns the states of mailboxes or folders.
func states[S any, A interface{ State() S }](of []A) (all []S) {
	for _, a := range of {
		all = append(all, a.State())
	}
	return all
}

// webhooks returns what sends events, nil if the operator allows none.
func (o *serveOptions) webhooks(at *storage, log *slog.Logger, tracer trace.Tracer) (*webhook.Service, error) {
	if len(o.webhookAllow) == 0 {
		return nil, nil
	}
	policy, err := webhook.NewPolicy(o.webhookAllow, o.webhookPrivate)
	if err != nil {
		return nil, err
	}
	return webhook.New(webhook.Config{Endpoints: at.sessions.Webhooks(), Queue: at.tasks, Policy: policy, Version: version, Log: log, Tracer: tracer}), nil
}
