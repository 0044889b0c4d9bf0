package httpapi_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"tallyman/internal/session"
)

func TestKeysListTheirOwnSessionsOnly(t *testing.T) {
	p, secrets, _ := keyed(t, "a", "b", "admin")
	begun := map[string][]string{}
	for _, owner := range []string{"a", "b", "admin"} {
		for _, id := range []string{"one", "two", ""} {
			a := p.do(t, request{method: "POST", path: "/new-session?_sid=" + id, header: apiKey(secrets[owner])})
			begun[owner] = append(begun[owner], decode(a.body).(map[string]any)["session_id"].(string))
		}
	}
	ship := small(t, 1)
	for _, owner := range []string{"a", "b", "admin"} {
		p.do(t, request{method: "POST", path: "/upload?_sid=two&filename=monday.pdf", header: apiKey(secrets[owner]), kind: "application/pdf", body: strings.NewReader(string(ship.bills))}).must(t)
	}
	type page struct {
		Sessions []struct {
			ID     string `json:"session_id"`
			Name   string `json:"name"`
			Status string `json:"status"`
			Files  int    `json:"files"`
		} `json:"sessions"`
		Total int     `json:"total"`
		Next  *string `json:"next"`
	}
	list := func(owner, after string) (l page) {
		t.Helper()
		a := p.get(t, "/sessions?limit=2&after="+after, apiKey(secrets[owner]))
		if err := json.Unmarshal(a.body, &l); err != nil || a.status != 200 {
			t.Fatalf("%d %s: %v", a.status, a.body, err)
		}
		return l
	}
	next := ""
	for owner, want := range begun {
		first := list(owner, "")
		if first.Next == nil || first.Total != len(want) {
			t.Fatalf("%s has %+v", owner, first)
		}
		next = *first.Next
		var got []string
		for _, s := range append(first.Sessions, list(owner, next).Sessions...) {
			got = append(got, s.ID)
			if named := s.Name == "monday.pdf" && s.Status == "ready" && s.Files == 1; named != (s.ID == "two") {
				t.Errorf("%s of %s is %+v", s.ID, owner, s)
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s sees %v, want %v", owner, got, want)
		}
		// Another owner's place in its listing shows nothing of it.
		for other := range begun {
			if other != owner {
				p.get(t, "/sessions?after="+next, apiKey(secrets[other])).fails(t, 400, "bad_request", nil)
			}
		}
	}
	for _, bad := range []string{"limit=0", "limit=1001", "after=x"} {
		p.get(t, "/sessions?"+bad, apiKey(secrets["a"])).fails(t, 400, "bad_request", nil)
	}
	p.get(t, "/sessions").fails(t, 401, "unauthorized", nil)
}

func TestServersWithoutKeysListNoSessions(t *testing.T) {
	p := newPlace(t)
	p.post(t, "/new-session?_sid="+session.Minted+"x", "", nil)
	p.get(t, "/sessions").is(t, 200, fields{"sessions": []any{}, "total": 0, "next": nil})
}
