// Package httpapi is the HTTP interface of Tallyman (DESIGN.md §7 and §8). It
// identifies the caller and the session, has package body parse the request and package
// desk do the work, and writes the answer.
//
// All routes are in one table, from which the OpenAPI description and the documentation
// are made as well.
package httpapi

import (
	"cmp"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/trace"

	"tallyman/internal/bus"
	"tallyman/internal/desk"
	"tallyman/internal/httpapi/body"
	"tallyman/internal/jobs"
	"tallyman/internal/keys"
	"tallyman/internal/mailbox"
	"tallyman/internal/queue"
	"tallyman/internal/turn"
	"tallyman/internal/watch"
	"tallyman/internal/webhook"
)

// Config has the settings of a Server. Only Desk and Tasks must be set.
type Config struct {
	// Desk does the work.
	Desk *desk.Desk
	// Keys are the API keys; nil for none. As soon as one exists, every caller needs
	// one.
	Keys keys.Ring
	// Loopback is true if only this machine can reach the server. Without keys there is
	// then one owner, who may see everything unless the request comes through a proxy;
	// requests must be for a name of this machine, or for one of Hosts.
	Loopback bool
	// Open serves callers without keys although other machines can reach the server.
	Open bool
	// Hosts are further names by which a proxy on this machine reaches a loopback
	// server without keys.
	Hosts []string
	// Embed are the origins that may frame the page.
	Embed []string
	// Origins are the origins whose pages may read answers; empty for any, but on a
	// loopback server without keys for none but its own.
	Origins []string
	// MaxUpload bounds the files of one request, in bytes; 0 means 64 MiB.
	MaxUpload int64
	// BodyTimeout is how long a body may pause, and half of the time after which it
	// must have a minimum rate; 0 means 30 seconds.
	BodyTimeout time.Duration
	// HealthTimeout is how long a part of the server may take for its check; 0 means 10
	// seconds.
	HealthTimeout time.Duration
	// Streams bounds the event streams of all clients together; 0 means 1,000.
	Streams int
	// OwnerStreams bounds those of one owner; 0 means Streams.
	OwnerStreams int
	// Bus, if set, carries events to and from other processes that serve the same
	// sessions.
	Bus bus.Bus
	// Secret encrypts the places where pages of listings end. Processes that serve the
	// same sessions need the same; nil has the server draw its own.
	Secret []byte
	// Orphans returns how many stored files that no session names made the last sweep
	// stop, 0 if it did not; nil for a server without a sweep.
	Orphans func() int64
	// Tasks keeps jobs, which Server.RunJobs runs.
	Tasks queue.Queue
	// Jobs bounds the jobs of one owner that have not ended, JobsAtOnce is how many this
	// process runs at once, and JobsKept for how long outcomes can be read; zero means the
	// defaults of package jobs. JobsLease is how long a job of a process that died waits.
	Jobs, JobsAtOnce    int
	JobsKept, JobsLease time.Duration
	// Folders returns the states of the folders that this process watches; nil for none.
	Folders func() []watch.State
	// Webhooks sends events to addresses that owners name; nil for no webhooks.
	Webhooks *webhook.Service
	// PublicURL is the server's own address, for links in events; "" for links without one.
	PublicURL string
	// Mailboxes returns the states of the mailboxes that this process works on; nil for none.
	Mailboxes func() []mailbox.State
	// Version is shown to clients.
	Version string
	// Log gets one line per session operation; nil for none.
	Log *slog.Logger
	// Tracer makes a span of each session operation; nil for none.
	Tracer trace.Tracer
}

// DevelopmentVersion is the version of a build that is not a release.
const DevelopmentVersion = "development"

// Server answers HTTP requests. It is an http.Handler.
type Server struct {
	config  Config
	desk    *desk.Desk
	log     *slog.Logger
	hub     *hub
	jobs    *jobs.Jobs
	metrics *metrics
	health  health
	turns   *turn.Turns // of owners with keys
	seal    sealer
	routes  []*route
	always  map[bool]http.Header // the headers of answers, by route.page
	mux     http.Handler
	openAPI []byte
	ending  chan struct{} // closed by EndStreams
	end     sync.Once
	locked  atomic.Bool // there were keys, so every caller needs one until the server ends
}

// New returns a server.
func New(c Config) *Server {
	c.MaxUpload = cmp.Or(c.MaxUpload, 64<<20)
	c.BodyTimeout = cmp.Or(c.BodyTimeout, 30*time.Second)
	c.HealthTimeout = cmp.Or(c.HealthTimeout, 10*time.Second)
	c.Streams = cmp.Or(c.Streams, 1000)
	c.Version = cmp.Or(c.Version, DevelopmentVersion)
	if c.Orphans == nil {
		c.Orphans = func() int64 { return 0 }
	}
	if c.Mailboxes == nil {
		c.Mailboxes = func() []mailbox.State { return nil }
	}
	if c.Folders == nil {
		c.Folders = func() []watch.State { return nil }
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	s := &Server{config: c, desk: c.Desk, log: c.Log, hub: newHub(c.Streams, cmp.Or(c.OwnerStreams, c.Streams), c.Bus), seal: newSealer(c.Secret), ending: make(chan struct{}), turns: turn.New(runtime.GOMAXPROCS(0))}
	s.jobs = newJobs(s, c)
	s.metrics = newMetrics(s)
	s.always = map[bool]http.Header{false: headersOf(c.Embed, false), true: headersOf(c.Embed, true)}
	s.routes = routes()
	s.openAPI = describe(s.routes, c)
	s.mux = s.newMux()
	return s
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	reached(r)
	if r.RequestURI == "*" || r.Method == http.MethodConnect { // what has no path
		s.serve(func(*http.Request) *route { return notFoundRoute }).ServeHTTP(w, r)
		return
	}
	// Many clients join a base URL and a path with one slash too many. A redirect would
	// lose them their body and, for pages of other origins, the answer.
	if path := r.URL.EscapedPath(); path != "/" && (strings.Contains(path, "//") || strings.HasSuffix(path, "/")) {
		as := *r
		as.URL = &url.URL{}
		*as.URL = *r.URL
		if tidy(as.URL, path) {
			r = &as
		}
	}
	s.mux.ServeHTTP(w, r)
}

// tidy removes superfluous slashes from an escaped path.
func tidy(u *url.URL, path string) bool {
	parts := strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
	raw := "/" + strings.Join(parts, "/")
	plain, err := url.PathUnescape(raw)
	if err != nil {
		return false
	}
	u.Path, u.RawPath = plain, raw
	return true
}

// EndStreams ends all event streams, which would otherwise last as long as their
// clients want, and all profiles that run. It is for the shutdown.
func (s *Server) EndStreams() {
	s.hub.close()
	s.end.Do(func() { close(s.ending) })
}

// newMux returns a handler for the table of routes. The standard library matches paths;
// methods are matched here, so that a wrong one gets an error answer like any other
// fault.
func (s *Server) newMux() http.Handler {
	mux := http.NewServeMux()
	byPath := map[string][]*route{}
	for _, rt := range s.routes {
		byPath[rt.path] = append(byPath[rt.path], rt)
	}
	for path, routes := range byPath {
		if path == "/" {
			path = "/{$}"
		}
		mux.Handle(path, s.methods(routes))
	}
	mux.Handle("/", s.serve(func(*http.Request) *route { return notFoundRoute }))
	return mux
}

// methods serves the routes of one path.
func (s *Server) methods(routes []*route) http.Handler {
	byMethod := map[string]*route{}
	allow := []string{http.MethodOptions}
	for _, rt := range routes {
		for _, m := range rt.methods {
			byMethod[m] = rt
			allow = append(allow, m)
			if m == http.MethodGet && !rt.changes { // HEAD must change nothing
				byMethod[http.MethodHead] = rt
				allow = append(allow, http.MethodHead)
			}
		}
	}
	wrong := methodNotAllowedRoute(routes[0].path, strings.Join(allow, ", "))
	return s.serve(func(r *http.Request) *route {
		if rt := byMethod[r.Method]; rt != nil {
			return rt
		}
		return wrong
	})
}

// serve serves requests with the route that find returns.
func (s *Server) serve(find func(*http.Request) *route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := &call{s: s, control: http.NewResponseController(w), route: find(r), began: time.Now()}
		c.out = response{ResponseWriter: w, call: c, control: c.control}
		c.w = &c.out
		if r.Body != http.NoBody {
			// net/http looks at the body of its own request when it answers.
			own := *r
			own.Body = pausing{r.Body, c}
			r = &own
		}
		c.r, c.body = r, body.New(r, c.control, body.Limits{Upload: s.config.MaxUpload, Timeout: s.config.BodyTimeout})
		s.metrics.inFlight.Inc()
		defer s.metrics.inFlight.Dec()
		defer func() {
			if p := recover(); p != nil {
				if p == http.ErrAbortHandler {
					panic(p)
				}
				s.log.ErrorContext(c.r.Context(), "panic", "route", c.route.path, "panic", p, "stack", string(debug.Stack()))
				c.fail(errPanic)
			}
			c.finish()
			if c.broken {
				panic(http.ErrAbortHandler) // the client must notice that the answer is cut off
			}
		}()
		// A connection may still have the write deadline of its last answer.
		c.control.SetWriteDeadline(time.Time{})
		maps.Copy(c.w.Header(), s.always[c.route.page])
		s.cors(c)
		if len(r.TransferEncoding) > 0 {
			// net/http does not tell whether there was a Content-Length as well, by which a
			// proxy may see another end of the request.
			c.w.Header().Set("Connection", "close")
		}
		if r.Method == http.MethodOptions {
			if r.ContentLength != 0 {
				// Nobody reads the rest of the body; net/http would wait for it.
				h := c.w.Header()
				h.Set("Connection", "close")
				c.control.EnableFullDuplex()
			}
			c.w.WriteHeader(http.StatusOK)
			return
		}
		if err := c.answer(); err != nil {
			c.fail(err)
		}
	})
}

// response records what was answered, and limits how long a client that does not read
// its answer can hold it.
type response struct {
	http.ResponseWriter
	call    *call // nil in tests of this type alone
	control *http.ResponseController
	status  int
	bytes   int64
}

// writeTimeout is how long a client may take to read one piece of an answer.
const writeTimeout = time.Minute

// writePiece is the size of a piece, in bytes.
const writePiece = 64 << 10

// Unwrap gives http.ResponseController access to the original.
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *response) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write writes in pieces, each with a deadline of its own: a slow client may take as
// long as it needs for all of them together.
func (w *response) Write(p []byte) (written int, err error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	for {
		piece := p[written:min(len(p), written+writePiece)]
		w.control.SetWriteDeadline(time.Now().Add(writeTimeout))
		n, err := w.send(piece)
		written += n
		w.bytes += int64(n)
		if err != nil || written == len(p) {
			return written, err
		}
	}
}

// buffered is how many bytes of an answer net/http keeps without sending them.
const buffered = 2 << 10

func (w *response) send(piece []byte) (int, error) {
	if w.call != nil && len(piece) > buffered {
		defer w.call.pause()()
	}
	return w.ResponseWriter.Write(piece)
}

// pausing is the body of a request, which gives up its turn while it waits for the client.
type pausing struct {
	io.ReadCloser
	c *call
}

func (p pausing) Read(b []byte) (int, error) {
	defer p.c.pause()()
	return p.ReadCloser.Read(b)
}
