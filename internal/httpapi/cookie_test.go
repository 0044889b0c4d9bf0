package httpapi_test

import (
	"net/http"
	"strings"
	"testing"

	"tallyman/internal/session"
)

// A minted ID that only a browser's cookie holds is short-lived. One that was returned to
// a program lives as long as an ID of the program's choice.
func TestWhoNamesASessionDecidesHowLongItLives(t *testing.T) {
	p := newPlace(t, opened)
	own, foreign := http.Header{"Sec-Fetch-Site": {"same-origin"}}, http.Header{"Sec-Fetch-Site": {"cross-site"}}
	for _, c := range []struct {
		name, path string
		header     http.Header
		want       session.Kind
	}{
		{"a browser", "/new-session", own, session.Cookie},
		{"a program", "/new-session", nil, session.Named},
		{"a page of another site", "/new-session", foreign, session.Named},
		{"a browser that names it", "/new-session?_sid=x", own, session.Named},
		{"a browser that resets", "/auto-reset", own, session.Cookie},
		{"a browser by _action", "/process?_action=new_session", own, session.Cookie},
	} {
		a := p.do(t, request{method: "POST", path: c.path, header: c.header})
		id, _ := decode(a.body).(map[string]any)["session_id"].(string)
		st, err := p.store.Get(t.Context(), session.Key{Owner: session.Local, ID: session.ID(id)})
		if err != nil || st.Kind != c.want {
			t.Errorf("%s: the session is %q (%v), want %q", c.name, st.Kind, err, c.want)
		}
	}
}

func TestTheCookieIsForHTTPSOnlyWhereAProxySpeaksIt(t *testing.T) {
	p := newPlace(t)
	for proto, want := range map[string]bool{"": false, "http": false, "https": true, "HTTPS": true} {
		set := p.do(t, request{method: "POST", path: "/new-session", header: http.Header{"X-Forwarded-Proto": {proto}}}).header.Get("Set-Cookie")
		if set == "" || strings.Contains(set, "; Secure") != want || strings.HasPrefix(set, "__Host-tallyman_session=") != want {
			t.Errorf("for a proxy that speaks %q the cookie is %q", proto, set)
		}
		// What another host of the domain sets does not count where HTTPS is spoken.
		value, _, _ := strings.Cut(set, ";")
		for prefix, counts := range map[string]bool{"": !want, "__Host-": want} {
			cookie := prefix + strings.TrimPrefix(value, "__Host-")
			a := p.get(t, "/status", http.Header{"X-Forwarded-Proto": {proto}, "Cookie": {cookie}})
			if got := decode(a.body).(map[string]any)["session_exists"]; got != counts {
				t.Errorf("for a proxy that speaks %q the cookie %.20s… names a session: %v", proto, cookie, got)
			}
		}
	}
}
