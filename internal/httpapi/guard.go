package httpapi

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"tallyman/internal/fault"
	"tallyman/internal/keys"
	"tallyman/internal/session"
)

// caller is the sender of a request.
type caller struct {
	owner session.Owner
	// all is true if the caller may see the work in all sessions, own if in all of its
	// owner's. Both are false for callers without keys who share the owner with others.
	all, own bool
	// readOnly is true if the caller may change no session.
	readOnly bool
}

// identify finds out who sent the request (DESIGN.md §8). It fails with Unauthorized.
func (c *call) identify() (caller, error) {
	s, r := c.s, c.r
	known, err := c.keys()
	if err != nil {
		// While the keys cannot be read, nobody gets in.
		if c := fault.CodeOf(err); c == session.StorageUnavailable || c == fault.Busy {
			return caller{}, err // temporary
		}
		// The caller need not know the cause.
		return caller{}, fmt.Errorf("looking up a key: %w", hidden{err})
	}
	if len(known) == 0 {
		switch {
		case s.locked.Load():
			return caller{}, fault.New(Unauthorized, "the last key of this server was removed; ask the operator to make a new one with \"tallyman key add NAME\", or to restart the server to serve this machine without keys")
		case s.config.Loopback:
			// Any site's page can reach this machine through its user's browser, and
			// anybody can through a proxy on it.
			ours := !foreign(r) && c.direct()
			return caller{owner: session.Local, all: ours, own: ours}, nil
		case s.config.Open:
			return caller{owner: session.Local}, nil
		}
		return caller{}, fault.New(Unauthorized, "this server has no keys and refuses all requests; ask the operator to make a key with \"tallyman key add NAME\"")
	}
	presented := presentedKeys(r)
	for _, p := range presented {
		k, ok := keys.Find(known, p)
		if ok {
			return caller{owner: k.Name, all: k.Admin, own: true, readOnly: k.ReadOnly}, nil
		}
		if k.Name != "" {
			c.refused("expired", k)
			return caller{}, fault.New(Unauthorized, "the key has expired; ask the operator for a new one")
		}
	}
	if len(presented) == 0 {
		return caller{}, fault.New(Unauthorized, "this server needs a key; send it as \"Authorization: Bearer KEY\" or \"X-API-Key: KEY\"")
	}
	c.refused("unknown", keys.Key{})
	return caller{}, fault.New(Unauthorized, "the key is not valid here; it may have been removed")
}

// refused counts a key that was refused, and logs one a second at most: whoever tries
// keys must not fill the log. The key itself is not logged.
func (c *call) refused(reason string, k keys.Key) {
	m := c.s.metrics
	m.refused.WithLabelValues(reason).Inc()
	last, now := m.refusedLogged.Load(), time.Now().Unix()
	if last == now || !m.refusedLogged.CompareAndSwap(last, now) {
		return
	}
	attrs := []any{"reason", reason, "route", c.route.path, "from", c.r.RemoteAddr}
	if k.Name != "" {
		attrs = append(attrs, "owner", k.Name, "key", k.ID())
	}
	c.s.log.WarnContext(c.r.Context(), "a key was refused", attrs...)
}

// mayChange fails with ReadOnly if the caller's key must not change sessions.
func (c *call) mayChange() error {
	if c.caller.readOnly {
		return fault.New(ReadOnly, "this key may only look and download; ask the operator for one without --read-only")
	}
	return nil
}

// stillAllowed fails with Unauthorized if the key of a request that lasts is no longer
// valid. While the keys cannot be read it is.
func (c *call) stillAllowed() error {
	c.keysKnown = false
	if _, err := c.identify(); fault.CodeOf(err) == Unauthorized {
		return err
	}
	return nil
}

// keysChecked is the interval at which the key of a request that lasts is looked up again.
const keysChecked = time.Second

// watched is the body of a request, which ends when its key was removed.
type watched struct {
	io.Reader
	c    *call
	next time.Time // when the key is looked up again
}

func (w *watched) Read(p []byte) (int, error) {
	if now := time.Now(); now.After(w.next) {
		w.next = now.Add(keysChecked)
		if err := w.c.stillAllowed(); err != nil {
			return 0, err
		}
	}
	return w.Reader.Read(p)
}

// keys returns the existing keys, and looks them up once per request. Once a key
// existed, the server needs keys until it ends: removing keys must not open it to
// everybody.
func (c *call) keys() ([]keys.Key, error) {
	if c.s.config.Keys == nil || c.keysKnown {
		return c.known, c.keysErr
	}
	c.keysKnown = true
	c.known, c.keysErr = c.s.config.Keys.All(c.r.Context())
	if len(c.known) > 0 {
		c.s.locked.Store(true)
	}
	return c.known, c.keysErr
}

// hidden wraps an error so that its fault is not shown to people.
type hidden struct{ err error }

func (h hidden) Error() string { return h.err.Error() }

// presentedKeys returns the keys that the request carries.
func presentedKeys(r *http.Request) []string {
	var found []string
	if scheme, key, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "Bearer") {
		found = append(found, strings.TrimSpace(key))
	}
	if key := strings.TrimSpace(r.Header.Get("X-API-Key")); key != "" && !slices.Contains(found, key) {
		found = append(found, key)
	}
	return found
}

var crossOrigin = http.NewCrossOriginProtection()

// foreign reports whether a browser sends the request on behalf of a page of another
// origin. It is false for clients that are not browsers.
func foreign(r *http.Request) bool {
	if r.Header.Get("Sec-Fetch-Site") == "" && r.Header.Get("Origin") == "" {
		return false
	}
	// The standard library checks only methods that change something; here that depends
	// on the route.
	as := *r
	as.Method = http.MethodPost
	return crossOrigin.Check(&as) != nil
}

// checkHost refuses requests to a keyless server on this machine under a foreign name:
// this is how a web site makes a browser believe that the server is part of the site
// (DNS rebinding). It fails with BadHost.
func (c *call) checkHost() error {
	s := c.s
	if !c.keyless() {
		return nil // under a foreign name a page still has no key
	}
	host := c.host()
	if s.named(host) || ofThisMachine(host) {
		return nil
	}
	if host == "" {
		return fault.New(BadHost, "the request has no Host header; send one")
	}
	return fault.New(BadHost, "this server answers requests for localhost only; if %.80q is its name behind a proxy, start it with --host %.80s", host, host)
}

// keyless reports whether this is a server on loopback that never had a key.
func (c *call) keyless() bool {
	_, _ = c.keys()
	return c.s.config.Loopback && !c.s.locked.Load()
}

// checkOrigin refuses requests to a keyless server on this machine that a browser sends
// on behalf of a page of another origin, since that page may guess names of sessions.
// Exceptions are the origins of --cors and --embed, and navigations that change nothing:
// their answers are not visible to the other page. It fails with CrossOrigin.
func (c *call) checkOrigin(changes bool) error {
	r := c.r
	if !c.keyless() || c.trusted() {
		return nil
	}
	header := r.Header.Get
	safe := r.Method == http.MethodGet || r.Method == http.MethodHead
	if foreign(r) && (changes || !safe || header("Sec-Fetch-Mode") != "navigate") {
		return fault.New(CrossOrigin, "pages of other origins cannot use this server, which has no keys; start it with --cors ORIGIN to allow one, or make a key")
	}
	// A browser without Sec-Fetch headers loads an image of another origin by a request
	// that looks like one of its own page.
	if changes && safe && header("Sec-Fetch-Site") == "" && header("Origin") == "" &&
		strings.HasPrefix(header("User-Agent"), "Mozilla/") && header("X-Session-ID") == "" && header("X-Requested-With") == "" {
		return fault.New(CrossOrigin, "this browser does not tell which page sends the request, which changes the session; use POST, or send the header X-Requested-With")
	}
	return nil
}

// trusted reports whether the request is sent on behalf of an origin that the operator
// named. GET requests that are not made by scripts have no Origin header.
func (c *call) trusted() bool {
	if len(c.s.config.Origins) == 0 && len(c.s.config.Embed) == 0 {
		return false
	}
	origin := c.r.Header.Get("Origin")
	if origin == "" {
		u, err := url.Parse(c.r.Referer())
		if err != nil {
			return false
		}
		origin = u.Scheme + "://" + u.Host
	}
	return slices.Contains(c.s.config.Origins, origin) || slices.Contains(c.s.config.Embed, origin)
}

// host returns the name of the host that the request is for, without port.
func (c *call) host() string {
	host := c.r.Host
	if strings.Contains(host, ":") {
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
	}
	return strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
}

// named reports whether a name is one by which a proxy reaches the server.
func (s *Server) named(host string) bool {
	return slices.ContainsFunc(s.config.Hosts, func(h string) bool { return strings.EqualFold(h, host) })
}

// ofThisMachine reports whether every machine uses this name for itself.
func ofThisMachine(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// proxied are headers that proxies add, spelt as net/http does. A request with one may come
// from anybody, although the connection comes from this machine.
var proxied = []string{"Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip"}

// direct reports whether a request to a server on loopback is for one of this machine's
// own names and has no header of a proxy. A request through a proxy that hides both
// looks the same.
func (c *call) direct() bool {
	host := c.host()
	return ofThisMachine(host) && !c.s.named(host) &&
		!slices.ContainsFunc(proxied, func(name string) bool { return len(c.r.Header[name]) > 0 })
}

// headersOf returns the headers of all answers: those of pages that run scripts of ours, or
// the others.
func headersOf(embed []string, page bool) http.Header {
	h := http.Header{}
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	frames := "'none'"
	if len(embed) > 0 {
		frames = "'self' " + strings.Join(embed, " ")
	} else {
		h.Set("X-Frame-Options", "DENY")
	}
	policy := "default-src 'none'; frame-ancestors " + frames
	if page {
		policy += "; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; form-action 'self'; base-uri 'none'"
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
	}
	h.Set("Content-Security-Policy", policy)
	return h
}

// cors lets pages of other origins read answers, without the browser's cookies: they
// use the session's ID or a key. A keyless server on this machine allows only the origins
// that it was started with.
func (s *Server) cors(c *call) {
	h := c.w.Header()
	origin := "*"
	switch {
	case len(s.config.Origins) == 0 && c.keyless():
		return
	case len(s.config.Origins) > 0:
		h.Add("Vary", "Origin")
		origin = c.r.Header.Get("Origin")
		if !slices.Contains(s.config.Origins, origin) {
			return
		}
	}
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Expose-Headers", "Accept-Ranges, Content-Disposition, Content-Range, ETag, Retry-After")
	if c.r.Method == http.MethodOptions {
		h.Set("Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")
		h.Set("Access-Control-Allow-Headers", "Accept, Authorization, Cache-Control, Content-Type, Expires, Idempotency-Key, If-None-Match, If-Range, Last-Event-ID, Pragma, Range, X-API-Key, X-Custom-Header, X-Requested-With, X-Session-ID")
		h.Set("Access-Control-Max-Age", "86400")
	}
}
