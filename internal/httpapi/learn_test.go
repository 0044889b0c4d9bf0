package httpapi_test

import (
	"bytes"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"

	"tallyman/internal/keys"
	"tallyman/internal/sample"
	"tallyman/internal/session"
	"tallyman/internal/testing/must"
	"tallyman/internal/testing/shipments"
)

// house returns a document with headings that no lexicon has.
func house(t *testing.T, seed uint64) []byte {
	t.Helper()
	s := shipments.Sample(t, sample.Options{Form: sample.House, Bills: 1, Lines: 30, Seed: seed})
	return must.Written(t, s.WritePDF)
}

// teacher is a client that teaches a form.
type teacher struct {
	*place
	t   *testing.T
	key string
}

func (c teacher) do(method, path string, body any) answer {
	c.t.Helper()
	return c.sends(c.t, method, path, body, "X-API-Key", c.key)
}

// lesson returns the object that a request is answered with.
func (c teacher) lesson(method, path string, body any) map[string]any {
	c.t.Helper()
	a := c.do(method, path, body)
	m, ok := decode(a.body).(map[string]any)
	if a.status != 200 || !ok {
		c.t.Fatalf("%s %s: %d %.400s", method, path, a.status, a.body)
	}
	return m
}

func (c teacher) upload(session string, pdf []byte) answer {
	c.t.Helper()
	r := request{path: "/upload?teach=true&_sid=" + session, header: apiKey(c.key)}
	return c.place.do(c.t, r.form(c.t, fileIn("file", "b.pdf", pdf)))
}

// shown is what a person shows on the first page of a house's document.
func shown(l map[string]any) map[string]any {
	column := func(field string, left, right float64) fields {
		return fields{"field": field, "left": left, "right": right}
	}
	return map[string]any{
		"of": l["version"], "page": 1, "name": "the house's list", "top": 120.5, "revision": l["revision"],
		"columns": []fields{column("packages", 38, 101), column("style", 101, 201), column("description", 201, 371), column("pieces", 371, 441), column("weight", 441, 521)},
		"rules":   []fields{{"begins": "SIIRTO", "kind": "none"}, {"begins": "YHTEENSÄ", "kind": "total"}},
	}
}

func sentences(l map[string]any) string {
	var all []string
	for _, c := range l["checks"].([]any) {
		all = append(all, c.(map[string]any)["sentence"].(string))
	}
	return strings.Join(all, "\n")
}

// provedOf returns how many checks are proved.
func provedOf(l map[string]any) (n int) {
	for _, c := range l["checks"].([]any) {
		if c.(map[string]any)["state"] == "proved" {
			n++
		}
	}
	return n
}

// bill returns the only bill of a session's sheet.
func (c teacher) bill(session string) map[string]any {
	c.t.Helper()
	a := c.do("GET", "/download-bol?format=json&_sid="+session, nil)
	m, _ := decode(a.body).(map[string]any)
	bills, _ := m["bills"].([]any)
	if len(bills) != 1 {
		c.t.Fatalf("%d bills: %d %.300s", len(bills), a.status, a.body)
	}
	return bills[0].(map[string]any)
}

func (c teacher) is(b map[string]any, want fields) {
	c.t.Helper()
	for k, v := range want {
		if fmt.Sprint(b[k]) != fmt.Sprint(v) {
			c.t.Errorf("%s is %v, not %v", k, b[k], v)
		}
	}
}

func TestAFormIsTaughtAndTheNextDocumentOfItReadsByItself(t *testing.T) {
	p, secrets, _ := keyed(t, "depot", "other")
	c := teacher{p, t, secrets["depot"]}
	one, two, three := house(t, 1), house(t, 2), house(t, 3)
	form := func(path string, pdf []byte) answer {
		t.Helper()
		return p.do(t, request{path: path, header: apiKey(c.key)}.form(t, fileIn("file", "b.pdf", pdf)))
	}
	form("/upload?_sid=s", one).fails(t, 422, "unread_form", fields{"session_id": "s", "details": anything})
	form("/upload?_sid=s&teach=maybe", one).fails(t, 400, "bad_request", fields{"session_id": "s"})
	if a := c.upload("s", one); a.status != 200 || !strings.Contains(string(a.body), "no headings of a table were found") {
		t.Fatalf("%d %s", a.status, a.body)
	}
	l := c.lesson("GET", "/learn?_sid=s", nil)
	c.is(l, fields{"page": 1, "pages": []any{1.0, 2.0}, "form": "free", "columns": []any{}, "headings_on": 0, "width": 612, "height": 792, "revision": 0, "saved": false, "forms": []any{}})
	if len(l["fields"].([]any)) != 16 || len(l["row_kinds"].([]any)) != 4 {
		t.Errorf("there is to choose from: %v", l["fields"])
	}
	// The columns alone prove nothing: the carried figures count as lines.
	show := shown(l)
	rules := show["rules"]
	delete(show, "rules")
	// Rows of another page are told by the columns of this one.
	show["columns_on"], show["page"] = 1, 2
	elsewhere := c.lesson("POST", "/learn?_sid=s", show)
	below := elsewhere["rows"].([]any)
	end := below[len(below)-1].(map[string]any)
	if text := end["text"].(string); !strings.Contains(text, "YHTEENSÄ") || end["kind"] != "line" {
		t.Errorf("the last row of page 2 is %v", end)
	}
	y := end["box"].(map[string]any)["y0"].(float64) + 3
	show["rows"], show["rules"] = []fields{{"y": y, "kind": "total"}}, []fields{{"begins": "SIIRTO", "kind": "none"}}
	if l := c.lesson("POST", "/learn?_sid=s", show); l["proved"] != true {
		t.Errorf("with the total of page 2 shown it is %v: %v", l["outcome"], l["reason"])
	}
	show["columns_on"] = 3
	c.do("POST", "/learn?_sid=s", show).fails(t, 422, "bad_form", fields{"session_id": "s", "details": anything})
	delete(show, "columns_on")
	delete(show, "rows")
	delete(show, "rules")
	show["page"] = 1
	again := c.lesson("POST", "/learn?_sid=s", show)
	c.is(again, fields{"form": "learnt", "outcome": "unchecked", "proved": false})
	rows := again["rows"].([]any)
	last := rows[len(rows)-1].(map[string]any)
	if last["kind"] != "line" || !strings.Contains(last["text"].(string), "SIIRTO") {
		t.Fatalf("the last row is %v", last)
	}
	// A row is shown by its place, and becomes a rule for both pages.
	box := last["box"].(map[string]any)
	show["rows"] = []fields{{"y": (box["y0"].(float64) + box["y1"].(float64)) / 2, "kind": "none"}}
	again = c.lesson("POST", "/learn?_sid=s", show)
	c.is(again, fields{"rules": []any{map[string]any{"begins": "SIIRTO", "kind": "none"}}, "outcome": "unchecked"})
	show["rules"], show["rows"] = rules, nil
	again = c.lesson("POST", "/learn?_sid=s", show)
	c.is(again, fields{"outcome": "reconciled", "proved": true, "saved": false, "reason": "", "name": "the house's list"})
	if provedOf(again) != 3 || sentences(again) != "packages: 30 lines add up to 799, printed 799\npieces: 30 lines add up to 10,174, printed 10,174\nweight: 30 lines add up to 10,508.9, printed 10,508.9" {
		t.Errorf("it says %s", sentences(again))
	}
	if a := c.do("GET", "/profile", nil); a.header.Get("ETag") != `"0"` {
		t.Errorf("a preview was kept: %s", a.body)
	}
	// Saved, it reads this document, and others of the form.
	show["save"] = true
	saved := c.lesson("POST", "/learn?_sid=s", show)
	c.is(saved, fields{"saved": true, "revision": 1, "forms": []any{map[string]any{"name": "the house's list", "proved": 1.0, "trusted": false}}})
	if saved["version"] == l["version"] {
		t.Error("the session was not read again")
	}
	c.is(c.bill("s"), fields{"form": "learnt", "form_name": "the house's list", "outcome": "reconciled", "held": false})
	c.upload("t", two).must(t)
	c.is(c.bill("t"), fields{"form": "learnt", "outcome": "reconciled", "held": false})
	l = c.lesson("GET", "/learn?_sid=t", nil)
	c.is(l, fields{"form": "learnt", "name": "the house's list", "outcome": "reconciled", "headings_on": 1, "revision": 2, "forms": []any{map[string]any{"name": "the house's list", "proved": 2.0, "trusted": true}}})
	c.is(c.lesson("GET", "/learn?_sid=t&page=2&of="+l["version"].(string), nil), fields{"page": 2, "headings_on": 2, "outcome": "reconciled"})
	form("/convert?format=json", three).shows(t, `"form":"learnt","form_name":"the house's list","outcome":"reconciled"`, "a conversion")
	// It is nobody else's.
	other := teacher{p, t, secrets["other"]}
	other.upload("s", two).shows(t, `"bills":0`, "for another owner")
	c.is(other.lesson("GET", "/learn?_sid=s", nil), fields{"form": "free", "forms": []any{}})
	a := c.do("GET", "/profile?format=json", nil)
	if !strings.Contains(string(a.body), `"forms":[{"columns":[{"field":"packages","heading":"LAATIKOT",`) {
		t.Errorf("the profile is %s", a.body)
	}

	// Renamed and forgotten.
	c.do("PUT", "/learn?name=x&to=y&revision=2", nil).fails(t, 404, "not_found", nil)
	name := url.QueryEscape("the house's list")
	c.do("PUT", "/learn?name="+name+"&revision=2", nil).fails(t, 400, "bad_request", nil)
	c.do("PUT", "/learn?to=y&name="+name, nil).fails(t, 400, "bad_request", nil)
	c.do("PUT", "/learn?revision=1&to=y&name="+name, nil).fails(t, 409, "changed", nil)
	c.do("PUT", "/learn?revision=2&to="+url.QueryEscape("a\nb")+"&name="+name, nil).fails(t, 400, "bad_request", nil)
	c.is(c.lesson("PUT", "/learn?revision=2&to=pier&name="+name, nil), fields{"status": "success", "revision": 3, "forms": []any{map[string]any{"name": "pier", "proved": 2.0, "trusted": true}}})
	c.do("DELETE", "/learn?revision=3&name="+name, nil).fails(t, 404, "not_found", nil)
	c.do("DELETE", "/learn?revision=2&name=pier", nil).fails(t, 409, "changed", nil)
	c.is(c.lesson("DELETE", "/learn?revision=3&name=pier", nil), fields{"revision": 4, "forms": []any{}})
	c.is(c.bill("t"), fields{"form": "learnt"}) // until it is read again
	c.do("POST", "/process?_sid=s", nil).fails(t, 422, "unread_form", fields{"session_id": "s", "details": anything})
}

func TestWhatIsShownOfAFormIsCheckedAndNothingElseIsOverwritten(t *testing.T) {
	p, secrets, ring := keyed(t, "depot")
	c := teacher{p, t, secrets["depot"]}
	id := fields{"session_id": "s"}
	c.do("GET", "/learn?_sid=s", nil).fails(t, 400, "no_bol", id)
	one, two := house(t, 1), house(t, 2)
	c.upload("s", one)
	l := c.lesson("GET", "/learn?_sid=s", nil)
	c.do("GET", "/learn?_sid=s&page=9", nil).fails(t, 404, "no_such_page", id)
	c.do("GET", "/learn?_sid=s&page=x", nil).fails(t, 400, "bad_request", id)
	c.do("GET", "/learn?_sid=s&file=1", nil).fails(t, 404, "not_found", id)
	c.do("GET", "/learn?_sid=s&of=x", nil).fails(t, 409, "session_changed", id)
	ship := small(t, 1)
	c.upload("known", ship.bills)
	c.do("GET", "/learn?_sid=known", nil).fails(t, 422, "bad_form", fields{"session_id": "known", "details": anything})
	with := func(change fields) map[string]any {
		b := shown(l)
		maps.Copy(b, change)
		return b
	}
	columns := shown(l)["columns"].([]fields)
	post := func(body any) answer { t.Helper(); return c.do("POST", "/learn?_sid=s", body) }
	c.do("POST", "/learn?_sid=none", with(nil)).fails(t, 400, "no_bol", fields{"session_id": "none"})
	post(with(fields{"of": ""})).fails(t, 400, "bad_request", id)
	post(with(fields{"of": "x"})).fails(t, 409, "session_changed", id)
	post(with(fields{"of": "x", "save": true})).fails(t, 409, "session_changed", id)
	post(with(fields{"page": 9})).fails(t, 404, "no_such_page", id)
	post(with(fields{"file": 9})).fails(t, 404, "not_found", id)
	post(with(fields{"save": true, "revision": nil})).fails(t, 400, "bad_request", id)
	post(with(fields{"save": true, "name": " "})).fails(t, 400, "bad_request", id)
	post(with(fields{"save": true, "revision": 7})).fails(t, 409, "changed", id)
	post(with(fields{"colums": 1})).fails(t, 400, "bad_request", id)
	post([]int{1}).fails(t, 400, "bad_request", id)
	p.do(t, request{method: "POST", path: "/learn?_sid=s", header: apiKey(c.key), kind: "text/csv", body: strings.NewReader("a,b")}).fails(t, 415, "unsupported_media_type", id)
	post(with(fields{"name": strings.Repeat("x", 64<<10)})).fails(t, 413, "too_large", id)
	bad := func(change fields, want string) {
		t.Helper()
		a := post(with(change))
		a.fails(t, 422, "bad_form", fields{"session_id": "s", "details": anything})
		if !strings.Contains(string(a.body), want) {
			t.Errorf("it says %s, not %q", a.body, want)
		}
	}
	bad(fields{"columns": append(slices.Clone(columns), fields{"field": "weight", "left": 521, "right": 600})}, `"columns","index":5,"reason":"two columns are weight`)
	bad(fields{"columns": append(slices.Clone(columns), fields{"field": "volume", "left": 500, "right": 600})}, "within the one before it")
	bad(fields{"columns": []fields{{"field": "net", "left": 1, "right": 600}}}, "there is no field")
	bad(fields{"columns": []fields{{"field": "style", "left": 101, "right": 201}, {"field": "description", "left": 201, "right": 371}}}, "a form needs a column of figures")
	bad(fields{"top": 700}, "page 1 has no headings over these columns")
	bad(fields{"columns": nil}, "no table was found on page 1")
	bad(fields{"rows": []fields{{"y": 790, "kind": "none"}}}, "there is no row at 790 points")
	bad(fields{"rows": []fields{{"y": 150, "kind": "sum"}}}, "a row is one of")
	bad(fields{"rules": []fields{{"begins": "X", "kind": "sum"}}}, "a row is one of")
	bad(fields{"totals": fields{"volume": "max"}}, "the form has no column of figures")
	bad(fields{"totals": fields{"weight": "sum"}}, "a total that is not a sum is one of")

	read := teacher{p, t, addKey(t, ring, keys.Key{Name: "depot", ReadOnly: true})}
	c.is(read.lesson("GET", "/learn?_sid=s", nil), fields{"form": "free"})
	for _, method := range []string{"POST", "PUT", "DELETE"} {
		read.do(method, "/learn?_sid=s", nil).fails(t, 403, "read_only", id)
	}

	// Of two who save at once, one is told; then the profile has one form.
	answers := make(chan answer, 2)
	for _, name := range []string{"ann", "bob"} {
		body := jsonOf(t, with(fields{"name": name, "save": true}))
		go func() {
			a, err := p.try(request{method: "POST", path: "/learn?_sid=s", header: apiKey(c.key), kind: "application/json", body: bytes.NewReader(body)})
			if err != nil {
				t.Error(err)
			}
			answers <- a
		}()
	}
	first, second := <-answers, <-answers
	if first.status != 200 {
		first, second = second, first
	}
	if first.status != 200 || second.status != 409 {
		t.Errorf("they got %d %s and %d %s", first.status, first.body, second.status, second.body)
	}
	l = c.lesson("GET", "/learn?_sid=s", nil)
	c.is(l, fields{"revision": 1, "form": "learnt"})
	if n := len(l["forms"].([]any)); n != 1 {
		t.Errorf("there are %d forms", n)
	}

	// What was attached meanwhile stays.
	c.upload("s", two)
	post(with(fields{"save": true})).fails(t, 409, "session_changed", id)
	l = c.lesson("GET", "/learn?_sid=s", nil)
	c.do("POST", "/new-session?_sid=s", nil)
	post(with(fields{"save": true})).fails(t, 409, "session_changed", id)
}

// A form is the owner's, whatever becomes of the session in which it was taught.
func TestAFormIsKeptAndNothingThatWasAttachedMeanwhileIsLost(t *testing.T) {
	p, late := newFaulty(t)
	c := teacher{place: p, t: t}
	ship := small(t, 1)
	for i, interfere := range []struct {
		code  string
		f     func(session.Key)
		bills int
	}{
		{"session_superseded", func(key session.Key) {
			if _, _, err := p.store.New(t.Context(), key, session.Named); err != nil {
				t.Error(err)
			}
		}, 0},
		{"session_changed", func(session.Key) { p.uploadBills(t, "s", ship.bills) }, 6},
	} {
		c.upload("s", house(t, 1))
		l := c.lesson("GET", "/learn?_sid=s", nil)
		body := shown(l)
		body["save"], body["name"] = true, interfere.code
		late.attaching = func(key session.Key) {
			late.attaching = nil
			interfere.f(key)
		}
		c.do("POST", "/learn?_sid=s", body).fails(t, 409, interfere.code, fields{"session_id": "s"})
		view := c.lesson("GET", "/view?_sid=s", nil)
		bills := []any{}
		if sheet, ok := view["sheet"].(map[string]any); ok {
			bills = sheet["bills"].([]any)
		}
		if len(bills) != interfere.bills {
			t.Errorf("%s: the session has %d bills", interfere.code, len(bills))
		}
		own := c.lesson("GET", "/profile?format=json", nil)
		if forms := own["profile"].(map[string]any)["forms"].([]any); len(forms) != i+1 {
			t.Errorf("%s: the profile has %d forms", interfere.code, len(forms))
		}
	}
}
