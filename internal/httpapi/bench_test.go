package httpapi_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"tallyman/internal/httpapi"
)

// The request uses a session and nothing else. Compare its cost with and without traces.
func BenchmarkStatus(b *testing.B) {
	b.Run("off", func(b *testing.B) { benchmarkStatus(b, newPlace(b).api) })
	b.Run("on", func(b *testing.B) { benchmarkStatus(b, newTraced(b).api) })
}

func benchmarkStatus(b *testing.B, api *httpapi.Server) {
	b.ReportAllocs()
	do := func(method, path string) {
		r := httptest.NewRequest(method, path, nil)
		r.Host = "localhost"
		w := httptest.NewRecorder()
		api.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			b.Fatal(w.Code, w.Body)
		}
	}
	do("POST", "/new-session?_sid=s")
	for b.Loop() {
		do("GET", "/status?_sid=s")
	}
}
