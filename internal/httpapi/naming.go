package httpapi

import (
	"net/http"
	"strings"

	"tallyman/internal/desk"
	"tallyman/internal/fault"
	"tallyman/internal/session"
)

// naming is how a request names its session.
type naming struct {
	given  session.ID // the ID that the caller gave
	cookie session.ID // the ID in the browser's cookie, if it has the form of a minted one
	minted session.ID // the ID that was minted for this request
}

// orNull returns an ID as answers have it: null for none.
func orNull(id session.ID) *string {
	if id == "" {
		return nil
	}
	return (*string)(&id)
}

// id returns the session of the request, "" if it is not known yet.
func (n naming) id() session.ID {
	switch {
	case n.given != "":
		return n.given
	case n.minted != "":
		return n.minted
	default:
		return n.cookie
	}
}

// name returns how the request names its session: by _sid or session_id in the query,
// else by the header X-Session-ID, else by the browser's cookie. Empty values do not
// count. It fails with session.BadID, and with fault.BadRequest if the query or the
// headers name two sessions.
func (c *call) name() (naming, error) {
	n, err := c.named()
	if err == nil && n.given != "" {
		err = session.Key{Owner: c.caller.owner, ID: n.given}.Check()
	}
	if err != nil {
		return naming{}, err
	}
	return n, nil
}

// named is name without the check of the ID.
func (c *call) named() (naming, error) {
	var n naming
	for _, param := range []string{"_sid", "session_id"} {
		for _, v := range c.values[param] {
			switch {
			case v == "":
			case n.given == "":
				n.given = session.ID(v)
			case n.given != session.ID(v):
				return naming{}, fault.New(fault.BadRequest, "the URL names two sessions; give _sid or session_id once")
			}
		}
	}
	if n.given == "" {
		for _, v := range c.r.Header.Values("X-Session-ID") {
			switch {
			case v == "":
			case n.given == "":
				n.given = session.ID(v)
			case n.given != session.ID(v):
				return naming{}, fault.New(fault.BadRequest, "the headers name two sessions; send X-Session-ID once")
			}
		}
	}
	n.cookie = c.cookieID()
	return n, nil
}

// key returns the session's key. The request must name a session.
func (c *call) key() session.Key { return session.Key{Owner: c.caller.owner, ID: c.naming.id()} }

// withBills returns the session that the request names. It fails with desk.NoBOL if there is
// none, or if that has no bills.
func (c *call) withBills() (session.State, error) {
	st, _, err := c.peek()
	if err == nil {
		err = desk.HasBills(st)
	}
	return st, err
}

// look runs a function on the session that the request names, as desk.Look does. If there is
// none it fails as missing says.
func (c *call) look(missing func() error, f func(session.State) error) error {
	st, there, err := c.peek()
	if err != nil {
		return err
	}
	if !there {
		return missing()
	}
	return c.s.desk.Look(c.r.Context(), st, f)
}

// noSheet is the error of a session without a sheet.
func (c *call) noSheet() error {
	_, err := c.s.desk.Sheet(c.r.Context(), session.State{})
	return err
}

// peek returns the session that the request names, if it exists. It begins none.
func (c *call) peek() (session.State, bool, error) {
	if c.naming.id() == "" {
		return session.State{}, false, nil
	}
	st, err := c.s.desk.State(c.r.Context(), c.key())
	if fault.CodeOf(err) == fault.NotFound {
		if c.naming.given == "" && c.naming.minted == "" {
			c.naming.cookie = "" // the cookie's session ended, or never existed
		}
		return st, false, nil
	}
	if err == nil {
		c.s.hub.seen(st)
	}
	return st, err == nil, err
}

// open returns the session that the request names. If it does not exist, open begins an
// empty one: under the name that the caller gave, or else under a minted one. A cookie
// alone never begins a session of its name: otherwise whoever can set a cookie could
// choose the ID. With a read-only key it fails with ReadOnly.
func (c *call) open() (session.State, error) {
	if c.caller.readOnly || c.naming.given == "" && c.naming.minted == "" && c.naming.cookie != "" {
		st, there, err := c.peek()
		if there || err != nil {
			return st, err
		}
		if err := c.mayChange(); err != nil {
			return st, err
		}
	}
	if c.naming.id() == "" {
		c.naming.minted = session.Mint()
	}
	st, err := c.s.desk.Open(c.r.Context(), c.key(), c.kind())
	if err == nil {
		c.s.hub.seen(st)
	}
	if err == nil && c.naming.minted != "" {
		c.setCookie(c.naming.minted)
	}
	return st, err
}

// begin begins a new session: the one that the caller named, or else a minted one,
// which replaces that of the cookie.
func (c *call) begin() (session.State, session.Removed, error) {
	ctx := c.r.Context()
	var cleared session.Removed
	if c.naming.given == "" {
		if c.naming.cookie != "" {
			var err error
			if cleared, err = c.s.desk.Clear(ctx, c.key()); err != nil {
				return session.State{}, cleared, err
			}
			c.s.hub.tell(c.key(), event{Type: "cleared"})
			c.naming.cookie = ""
		}
		c.naming.minted = session.Mint()
	}
	st, removed, err := c.s.desk.Begin(ctx, c.key(), c.kind())
	removed.Add(cleared)
	if err != nil {
		return st, removed, err
	}
	if c.naming.minted != "" {
		c.setCookie(c.naming.minted)
	}
	c.s.hub.seen(st)
	c.s.hub.tell(c.key(), event{Type: "new"})
	return st, removed, nil
}

// kind returns the kind of a session that begins now. A minted ID in a browser's cookie
// lives for a short time; one that a program received lives as long as one that it
// named itself.
func (c *call) kind() session.Kind {
	if c.naming.given == "" && c.r.Header.Get("Sec-Fetch-Site") != "" && !foreign(c.r) {
		return session.Cookie
	}
	return session.Named
}

// cookieName is the name of the cookie that holds a session's ID.
const cookieName = "tallyman_session"

// cookieID returns the session that the browser's cookie names. It ignores values that
// the server did not mint.
func (c *call) cookieID() session.ID {
	if len(c.r.Header["Cookie"]) == 0 {
		return ""
	}
	cookie, err := c.r.Cookie(c.cookie().Name)
	if err != nil || len(cookie.Value) != len(session.Minted)+26 || !strings.HasPrefix(cookie.Value, session.Minted) {
		return ""
	}
	for _, r := range cookie.Value[len(session.Minted):] {
		if (r < 'a' || r > 'z') && (r < '2' || r > '7') {
			return ""
		}
	}
	return session.ID(cookie.Value)
}

// overTLS reports whether the browser's connection is encrypted, as far as a proxy says
// so. A client with a false claim only loses its cookie.
func (c *call) overTLS() bool {
	return c.r.TLS != nil || strings.EqualFold(c.r.Header.Get("X-Forwarded-Proto"), "https")
}

// cookie returns the browser's cookie, without its value.
func (c *call) cookie() *http.Cookie {
	cookie := &http.Cookie{Name: cookieName, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: c.overTLS()}
	if len(c.s.config.Embed) > 0 {
		cookie.SameSite, cookie.Secure, cookie.Partitioned = http.SameSiteNoneMode, true, true
	}
	if cookie.Secure {
		cookie.Name = "__Host-" + cookieName // no other host of the domain can set it
	}
	return cookie
}

// setCookie sends the browser a session's ID; "" removes it. A request on behalf of a
// page of another site does not change the cookie.
func (c *call) setCookie(id session.ID) {
	if foreign(c.r) {
		return
	}
	cookie := c.cookie()
	cookie.Value = string(id)
	if id == "" {
		cookie.MaxAge = -1
	}
	h := c.w.Header()
	h.Del("Set-Cookie")
	http.SetCookie(c.w, cookie)
}
