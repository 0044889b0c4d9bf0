package httpapi

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"tallyman/internal/desk"
	"tallyman/internal/fault"
	"tallyman/internal/session"
)

func TestEveryCodeHasAStatusAndEveryRouteKnowsItsCodes(t *testing.T) {
	for _, rt := range routes() {
		for _, code := range rt.allFaults() {
			if statuses[code] == 0 {
				t.Errorf("%s: the code %s has no status", rt.path, code)
			}
		}
	}
	for err, want := range map[error]int{
		errors.New("/var/lib/secret: broken"):                            500,
		fault.New(fault.Internal, "/var/lib/secret"):                     500,
		fault.New(fault.Unreadable, "/var/lib/secret cannot be read"):    500,
		fault.New(fault.Unwritable, "/var/lib/secret cannot be written"): 500,
		session.ErrSuperseded():                                          409,
	} {
		status, a := translate(err)
		if status != want || strings.Contains(a.Error, "secret") || a.Error == "" {
			t.Errorf("%v is answered with %d: %+v", err, status, a)
		}
	}
}

func TestAPanicIsAnsweredLikeAnyFaultOfOurs(t *testing.T) {
	s := New(Config{Desk: &desk.Desk{}, Loopback: true})
	h := s.serve(func(*http.Request) *route {
		return &route{path: "/panic", public: true, handle: func(*call) (any, error) { panic("secret") }}
	})
	w := httptest.NewRecorder()
	r := httptest.NewRequest("GET", "http://localhost/panic", nil)
	h.ServeHTTP(w, r)
	if w.Code != 500 || strings.Contains(w.Body.String(), "secret") || !strings.Contains(w.Body.String(), `"internal"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestDispositionsAreUnderstood(t *testing.T) {
	for name, want := range map[string]string{
		"a.pdf":   "attachment; filename=a.pdf",
		"a b.pdf": `attachment; filename="a b.pdf"`,
		"ü.pdf":   `attachment; filename="_.pdf"; filename*=UTF-8''%C3%BC.pdf`,
		`a"b.pdf`: `attachment; filename="a_b.pdf"; filename*=UTF-8''a%22b.pdf`,
		"a%41":    `attachment; filename="a_41"; filename*=UTF-8''a%2541`,
	} {
		if got := disposition(name); got != want {
			t.Errorf("%q: %s, want %s", name, got, want)
		}
	}
}
