package httpapi

import (
	"net/http"
	"strings"

	"tallyman/internal/fault"
	"tallyman/internal/session"
)

// naming is how a request says which session it means.
type naming struct {
	given  session.ID // the ID that the caller gave
	cookie session.ID // the ID in the browser's cookie, if it can be one of ours
	minted session.ID // the ID that was minted for this request
}

// id is the session of the request, as far as it is known.
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

// name finds out which session the request means: by _sid or session_id in the
// query, else the header X-Session-ID, else the browser's cookie. What is empty
// does not count. It fails with session.BadID, and with fault.BadRequest if the
// query names two.
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

// named is name without a look at the ID.
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
		n.given = session.ID(c.r.Header.Get("X-Session-ID"))
	}
	n.cookie = cookieOf(c.r)
	return n, nil
}

// key is the session's key. The session must be known.
func (c *call) key() session.Key { return session.Key{Owner: c.caller.owner, ID: c.naming.id()} }

// peek returns the session that the request means, if it is there. It begins
// none.
func (c *call) peek() (session.State, bool, error) {
	if c.naming.id() == "" {
		return session.State{}, false, nil
	}
	st, err := c.s.desk.State(c.r.Context(), c.key())
	if fault.CodeOf(err) == fault.NotFound {
		if c.naming.given == "" && c.naming.minted == "" {
			c.naming.cookie = "" // of a session that is gone, or was never there
		}
		return st, false, nil
	}
	if err == nil {
		c.s.hub.seen(st)
	}
	return st, err == nil, err
}

// open returns the session that the request means. If it is not there it begins
// an empty one: under the name that the caller gave, or else a minted one. A
// cookie alone never makes a session of its name, or whoever can set a cookie
// could choose it.
func (c *call) open() (session.State, error) {
	if c.naming.given == "" && c.naming.minted == "" && c.naming.cookie != "" {
		st, there, err := c.peek()
		if there || err != nil {
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

// begin begins a new session: in the one that the caller named, or in a minted
// one, which takes the place of the cookie's.
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

// kind is how long a session that is begun now lives. A minted ID that a browser
// keeps in its cookie is short-lived; one that a program was told lives as long
// as a name of its own.
func (c *call) kind() session.Kind {
	if c.naming.given == "" && c.r.Header.Get("Sec-Fetch-Site") != "" && !foreign(c.r) {
		return session.Cookie
	}
	return session.Named
}

// cookieName is the name of the cookie that holds a session's ID.
const cookieName = "tallyman_session"

// cookieOf returns the session that the browser's cookie names. Anything that
// was not minted here is not taken for one.
func cookieOf(r *http.Request) session.ID {
	cookie, err := r.Cookie(cookieName)
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

// overTLS reports whether the browser's connection is encrypted, as far as a
// proxy says so. Who claims it wrongly only loses a cookie.
func (c *call) overTLS() bool {
	return c.r.TLS != nil || strings.EqualFold(c.r.Header.Get("X-Forwarded-Proto"), "https")
}

// cookie is the browser's cookie, without its value.
func (c *call) cookie() *http.Cookie {
	cookie := &http.Cookie{Name: cookieName, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: c.overTLS()}
	if len(c.s.config.Embed) > 0 {
		cookie.SameSite, cookie.Secure, cookie.Partitioned = http.SameSiteNoneMode, true, true
	}
	return cookie
}

// setCookie gives the browser a session's ID; "" takes it away. A page of
// another site cannot do that to it.
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
