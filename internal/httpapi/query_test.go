package httpapi_test

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
)

func TestQueriesAreTakenAsTheyAre(t *testing.T) {
	p := newPlace(t)
	for query, id := range map[string]string{"_sid=a;b": "a;b", "_sid=a%3Bb&x=;": "a;b", "&&_sid=a+b&": "a b", "x;_sid=no&_sid=%25": "%"} {
		a := p.post(t, "/new-session?"+query, "", nil)
		if got, _ := decode(a.body).(map[string]any); a.status != 200 || got["session_id"] != id {
			t.Errorf("%s: %d %s", query, a.status, a.body)
		}
	}
	a := p.post(t, "/new-session?_sid=100%", "", nil)
	a.fails(t, 400, "bad_request", nil)
	if !bytes.Contains(a.body, []byte("%25")) {
		t.Errorf("it does not say what to do: %s", a.body)
	}
	// The echo shows the query unchanged, without acting on it.
	for query, want := range map[string]map[string]any{
		"_sid=100%&a=b%20c":  {"_sid": "100%", "a": "b c"},
		"%zz=1;2&a=%e4":      {"%zz": "1;2", "a": "\ufffd"},
		"_sid=a&session_id=": {"_sid": "a", "session_id": ""},
	} {
		a := p.get(t, "/debug-request?"+query)
		got, _ := decode(a.body).(map[string]any)
		info, _ := got["request_info"].(map[string]any)
		if a.status != 200 || fmt.Sprint(info["query_params"]) != fmt.Sprint(want) {
			t.Errorf("%s: %d %s", query, a.status, a.body)
		}
	}
	p.get(t, "/debug-request?_sid=100%&_action=new_session").fails(t, 400, "bad_request", nil)
}

// A key is blanked wherever it occurs.
func TestTheEchoBlanksKeysByTheirLooks(t *testing.T) {
	p, secrets, _ := keyed(t, "depot")
	key := secrets["depot"]
	kind, form := multi(t, textIn("k", "x "+key), textIn(key, "x"), fileIn(key, "f", []byte("x")))
	for _, c := range []struct {
		name, query, kind, body string
		header                  http.Header
	}{
		{name: "a value in the query", query: "?key=" + key},
		{name: "a name in the query", query: "?" + key},
		{name: "a part of a value in the query", query: "?u=https%3A%2F%2Fx%2F%3Fk%3D" + key + "&broken=100%"},
		{name: "an escaped value in the query", query: "?k=%74mk_" + key[4:]},
		{name: "a header", header: http.Header{"X-Thing": {"a", "Bearer " + key}}},
		{name: "JSON", kind: "application/json", body: `{"k":"` + key + `","l":[["` + key + `"]],"` + key + `":1,"e":"\u0074mk_` + key[4:] + `"}`},
		{name: "JSON text", kind: "application/json", body: `"` + key + `"`},
		{name: "a form", kind: "application/x-www-form-urlencoded", body: "k=" + key + "&" + key + "=1&broken=%"},
		{name: "a multipart form", kind: kind, body: string(form)},
		{name: "raw text", kind: "text/plain", body: strings.Repeat("x", 490) + key},
		{name: "raw text in capitals", kind: "text/plain", body: strings.ToUpper(key)},
		{name: "a media type", kind: "text/plain; k=" + key, body: "x"},
	} {
		header := http.Header{"X-Api-Key": {key}}
		maps.Copy(header, c.header)
		a := p.do(t, request{method: "POST", path: "/debug-request" + c.query, header: header, kind: c.kind, body: strings.NewReader(c.body)})
		if a.status != 200 || bytes.Contains(bytes.ToLower(a.body), []byte(key[4:12])) {
			t.Errorf("%s: %d %s", c.name, a.status, a.body)
		}
		if c.header == nil && c.query == "" && c.kind != kind && !bytes.Contains(a.body, []byte("[blanked]")) {
			t.Errorf("%s: no secret is blanked: %s", c.name, a.body)
		}
	}
	// Texts that only resemble a key are shown.
	a := p.get(t, "/debug-request?a=tmk_&b=tmk&c=atmk", apiKey(key))
	info, _ := decode(a.body).(map[string]any)["request_info"].(map[string]any)
	if got := fmt.Sprint(info["query_params"]); got != fmt.Sprint(map[string]any{"a": "tmk_", "b": "tmk", "c": "atmk"}) {
		t.Errorf("it shows %s", got)
	}
}
