package httpapi_test

import (
	"bytes"
	"fmt"
	"io"
	"testing"

	"tallyman/internal/testing/api"
	"tallyman/internal/testing/must"
	"tallyman/internal/testing/shipments"
)

func TestNoDownloadHoldsALineOfAnotherDocument(t *testing.T) {
	owners := []string{"a", "b", "c", "d"}
	p, secrets, _ := keyed(t, owners...)
	shipments.Mix(t, 12, func(owner int, r api.Request) (api.Answer, error) {
		r.Key, r.Client = secrets[owners[owner]], p.client
		return r.Do(t.Context(), p.URL)
	})
}

// padded returns a document enlarged to the given number of bytes.
func padded(t *testing.T, pdf []byte, size int) []byte {
	t.Helper()
	at := bytes.LastIndex(pdf, []byte("startxref"))
	if at < 0 {
		t.Fatal("the document has no startxref")
	}
	var b bytes.Buffer
	b.Grow(size)
	b.Write(pdf[:at])
	b.WriteString("%")
	b.Write(bytes.Repeat([]byte("x"), size-len(pdf)-2))
	b.WriteString("\n")
	b.Write(pdf[at:])
	return b.Bytes()
}

func TestAResetDuringAnUploadSupersedesIt(t *testing.T) {
	p, ship := newPlace(t), small(t, 1)
	for i, reset := range []request{
		{method: "POST", path: "/new-session?_sid=s"},
		{method: "POST", path: "/clear-session?_sid=s"},
		{method: "POST", path: "/auto-reset?_sid=s"},
		{method: "GET", path: "/status?_sid=s&_action=new_session"},
	} {
		size := 1 << 20
		if i == 0 {
			size = 64 << 20
		}
		t.Run(fmt.Sprintf("%s with %d MB", reset.path, size>>20), func(t *testing.T) {
			body := padded(t, ship.bills, size)
			sending, pipe := io.Pipe()
			answered := make(chan answer, 1)
			go func() {
				a, err := p.try(request{method: "POST", path: "/upload?_sid=s", kind: "application/pdf", body: sending})
				if err != nil {
					t.Error(err)
				}
				answered <- a
			}()
			_, err := pipe.Write(body[:size/2])
			must.OK(t, err)
			p.underway(t, 0)
			p.do(t, reset).must(t)
			_, err = pipe.Write(body[size/2:])
			must.OK(t, err)
			pipe.Close()
			a := <-answered
			p.schemas.check(t, request{method: "POST", path: "/upload"}, a)
			a.fails(t, 409, "session_superseded", fields{"session_id": "s"})
			p.get(t, "/validate-session?_sid=s").shows(t, `"is_clean":true`, "the session is not clean")
			p.settles(t, 0)
		})
	}
	// The same upload succeeds without a reset, so the padding is not the reason.
	p.post(t, "/upload?_sid=s", "application/pdf", padded(t, ship.bills, 1<<20)).ok(t)
}

func TestAResetSupersedesOrdersInFlight(t *testing.T) {
	p, ship := newPlace(t), small(t, 1)
	p.uploadBills(t, "s", ship.bills)
	sending, pipe := io.Pipe()
	answered := make(chan answer, 1)
	go func() {
		a, err := p.try(request{method: "POST", path: "/upload-csv?_sid=s", kind: "text/csv", body: sending})
		if err != nil {
			t.Error(err)
		}
		answered <- a
	}()
	_, err := pipe.Write(ship.orders[:100])
	must.OK(t, err)
	p.underway(t, 2)
	p.post(t, "/new-session?_sid=s", "", nil)
	p.uploadBills(t, "s", ship.bills)
	_, err = pipe.Write(ship.orders[100:])
	must.OK(t, err)
	pipe.Close()
	(<-answered).fails(t, 409, "session_superseded", fields{"session_id": "s"})
	p.get(t, "/download?_sid=s").holds(t, ship.unmatched, "orders of an earlier life are in the sheet")
}
