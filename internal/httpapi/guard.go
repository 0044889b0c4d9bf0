package httpapi

import (
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"

	"tallyman/internal/fault"
	"tallyman/internal/keys"
	"tallyman/internal/session"
)

// caller is who a request comes from.
type caller struct {
	owner session.Owner
	// all is true if the caller may see what is going on in all sessions, own if
	// in all of the owner's. Neither holds for callers without keys whom others
	// share the owner with.
	all, own bool
}

// identify finds out who the caller is (DESIGN.md §8). It fails with
// Unauthorized.
func (c *call) identify() (caller, error) {
	s, r := c.s, c.r
	known, err := c.keys()
	if err != nil {
		// Nobody gets in meanwhile.
		if c := fault.CodeOf(err); c == session.StorageUnavailable || c == fault.Busy {
			return caller{}, err // it passes
		}
		// Not the caller's business.
		return caller{}, fmt.Errorf("looking up a key: %w", hidden{err})
	}
	if len(known) == 0 {
		switch {
		case s.locked.Load():
			return caller{}, fault.New(Unauthorized, "the last key of this server was removed; its operator makes a new one with \"tallyman key add NAME\", or starts it anew to serve this machine without keys")
		case s.config.Loopback:
			// A page of any site can reach this machine through its browser, and
			// anybody through a proxy on it.
			ours := !foreign(r) && c.direct()
			return caller{owner: session.Local, all: ours, own: ours}, nil
		case s.config.Open:
			return caller{owner: session.Local}, nil
		}
		return caller{}, fault.New(Unauthorized, "this server has no keys and refuses all requests; its operator makes a key with \"tallyman key add NAME\"")
	}
	presented := presentedKeys(r)
	for _, p := range presented {
		if k, ok := keys.Find(known, p); ok {
			return caller{owner: k.Name, all: k.Admin, own: true}, nil
		}
	}
	if len(presented) == 0 {
		return caller{}, fault.New(Unauthorized, "this server needs a key; send it as \"Authorization: Bearer KEY\" or \"X-API-Key: KEY\"")
	}
	return caller{}, fault.New(Unauthorized, "the key is not valid here; it may have been removed")
}

// keys returns the keys that there are; they are looked up once for a request.
// Once there was one, none come in without as long as the server runs: taking
// keys away must not open a door.
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

// hidden is an error that is no fault to show to people.
type hidden struct{ err error }

func (h hidden) Error() string { return h.err.Error() }

// presentedKeys returns the keys that the request shows.
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

// foreign reports whether a browser sends the request on behalf of a page of
// another origin. What is not a browser's is not foreign.
func foreign(r *http.Request) bool {
	if r.Header.Get("Sec-Fetch-Site") == "" && r.Header.Get("Origin") == "" {
		return false
	}
	// The standard library asks this only for methods that change something;
	// here it depends on the route.
	as := *r
	as.Method = http.MethodPost
	return crossOrigin.Check(&as) != nil
}

// checkHost refuses requests that reach a keyless server on this machine under a
// stranger's name: that is how a web site makes a browser believe that the
// server is part of it (DNS rebinding). It fails with BadHost.
func (c *call) checkHost() error {
	s := c.s
	if !s.config.Loopback {
		return nil
	}
	if _, _ = c.keys(); s.locked.Load() {
		return nil // a page that reaches it by another name still has no key
	}
	host := c.host()
	if s.named(host) || ofThisMachine(host) {
		return nil
	}
	if host == "" {
		return fault.New(BadHost, "the request does not say which host it is for")
	}
	return fault.New(BadHost, "this server is for localhost; if %.80q is its name behind a proxy, start it with --host %.80s", host, host)
}

// host is the name that the request is for, without its port.
func (c *call) host() string {
	host := c.r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
}

// named reports whether the server is reached by a name through a proxy.
func (s *Server) named(host string) bool {
	return slices.ContainsFunc(s.config.Hosts, func(h string) bool { return strings.EqualFold(h, host) })
}

// ofThisMachine reports whether a name is every machine's for itself.
func ofThisMachine(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || ip != nil && ip.IsLoopback()
}

// proxied are headers that proxies add. One of them tells that the request may be
// anybody's, although it comes from this machine.
var proxied = []string{"Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip"}

// direct reports whether a request to a server on loopback is for this machine's own
// name, and shows no proxy. One that goes through a proxy which hides both cannot be
// told from others.
func (c *call) direct() bool {
	host := c.host()
	return ofThisMachine(host) && !c.s.named(host) &&
		!slices.ContainsFunc(proxied, func(name string) bool { return len(c.r.Header.Values(name)) > 0 })
}

// headers sets what all answers have in common.
func (s *Server) headers(c *call) {
	h := c.w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	frames := "'none'"
	if len(s.config.Embed) > 0 {
		frames = "'self' " + strings.Join(s.config.Embed, " ")
	} else {
		h.Set("X-Frame-Options", "DENY")
	}
	policy := "default-src 'none'; frame-ancestors " + frames
	if c.route.page {
		policy += "; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; form-action 'self'; base-uri 'none'"
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
	}
	h.Set("Content-Security-Policy", policy)
	s.cors(c)
}

// cors lets pages of other origins read answers. Without credentials: the
// session's ID is the credential there, or a key.
func (s *Server) cors(c *call) {
	h := c.w.Header()
	origin := "*"
	if len(s.config.Origins) > 0 {
		h.Add("Vary", "Origin")
		origin = c.r.Header.Get("Origin")
		if !slices.Contains(s.config.Origins, origin) {
			return
		}
	}
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Expose-Headers", "Content-Disposition, Retry-After")
	if c.r.Method == http.MethodOptions {
		h.Set("Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")
		h.Set("Access-Control-Allow-Headers", "Accept, Authorization, Cache-Control, Content-Type, Expires, Last-Event-ID, Pragma, X-API-Key, X-Custom-Header, X-Requested-With, X-Session-ID")
		h.Set("Access-Control-Max-Age", "86400")
	}
}
