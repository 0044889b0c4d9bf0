package httpapi_test

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"math/rand/v2"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"tallyman/sample"
)

// origin tells whose lines a sheet holds, by the letter that the numbers of its
// bills begin with, and how many.
func origin(t *testing.T, sheet []byte) map[byte]int {
	t.Helper()
	rows, err := csv.NewReader(bytes.NewReader(sheet)).ReadAll()
	if err != nil || len(rows) == 0 {
		t.Errorf("a sheet is not CSV: %v: %.100s", err, sheet)
		return nil
	}
	column := slices.Index(rows[0], "Invoice No.")
	lines := map[byte]int{}
	for _, r := range rows[1:] {
		lines[r[column][0]]++
	}
	return lines
}

// 32 clients of 4 owners use the same session IDs at once. Each owner's sessions
// x and y are for one document only; in the session "mixed" its clients attach
// either, so that each sheet must be of one document or the other.
func TestNoDownloadHoldsALineOfAnotherDocument(t *testing.T) {
	owners := []string{"a", "b", "c", "d"}
	p, secrets, _ := keyed(t, owners...)
	small := sample.Options{Bills: 3, Lines: 12, Seed: 1}
	ships := []shipment{shipmentOf(t, small, "T"), shipmentOf(t, small, "U")}
	letters := []byte("TU")

	var downloads, lines, foreign, mixed atomic.Int64
	var all sync.WaitGroup
	for n := range 32 {
		all.Go(func() {
			owner := n % 4
			random := rand.New(rand.NewPCG(1, uint64(n)))
			ask := func(method, path, sid, kind string, body []byte) answer {
				for {
					a, err := p.try(request{method: method, path: path + "?_sid=" + url.QueryEscape(sid), header: apiKey(secrets[owners[owner]]), kind: kind, body: bytes.NewReader(body)})
					if err != nil {
						t.Error(err)
						return a
					}
					switch a.status {
					case 503: // busy: again, like any client
						continue
					case 200, 404, 409, 400:
					default:
						t.Errorf("%s %s: %d %s", method, path, a.status, a.body)
					}
					return a
				}
			}
			for range 12 {
				sid := []string{"x", "y", "mixed"}[random.IntN(3)]
				which := owner % 2
				if sid == "mixed" {
					which = random.IntN(2)
				}
				ship := ships[which]
				switch random.IntN(10) {
				case 0:
					ask("POST", []string{"/new-session", "/clear-session", "/auto-reset"}[random.IntN(3)], sid, "", nil)
				case 1, 2, 3, 4, 5:
					ask("POST", "/upload", sid, "application/pdf", ship.bills)
				case 6, 7:
					ask("POST", "/upload-csv", sid, "text/csv", ship.orders)
				}
				a := ask("GET", []string{"/download", "/download-bol", "/download-bol/combined_data.csv"}[random.IntN(3)], sid, "", nil)
				if a.status != 200 {
					continue
				}
				downloads.Add(1)
				from := origin(t, a.body)
				for letter, count := range from {
					lines.Add(int64(count))
					if sid != "mixed" && letter != letters[which] {
						foreign.Add(int64(count))
					}
				}
				if len(from) > 1 || from['T']+from['U'] != 12 {
					mixed.Add(1)
				}
			}
		})
	}
	all.Wait()
	t.Logf("%d downloads with %d lines", downloads.Load(), lines.Load())
	if foreign.Load() != 0 || mixed.Load() != 0 || downloads.Load() < 100 {
		t.Errorf("of %d downloads with %d lines, %d lines were of the wrong document, %d sheets were not one whole document",
			downloads.Load(), lines.Load(), foreign.Load(), mixed.Load())
	}
}

// padded is a document made larger, to so many bytes.
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
			if _, err := pipe.Write(body[:size/2]); err != nil {
				t.Fatal(err)
			}
			p.underway(t, 0)
			if a := p.do(t, reset); a.status != 200 {
				t.Fatalf("%s", a.body)
			}
			if _, err := pipe.Write(body[size/2:]); err != nil {
				t.Fatal(err)
			}
			pipe.Close()
			a := <-answered
			p.schemas.check(t, request{method: "POST", path: "/upload"}, a)
			a.fails(t, 409, "session_superseded", fields{"session_id": "s"})
			if a := p.get(t, "/validate-session?_sid=s"); !bytes.Contains(a.body, []byte(`"is_clean":true`)) {
				t.Errorf("the session is not clean: %s", a.body)
			}
			p.settles(t, 0)
		})
	}
	// The same upload without a reset goes through: it is not the padding.
	if a := p.post(t, "/upload?_sid=s", "application/pdf", padded(t, ship.bills, 1<<20)); a.status != 200 {
		t.Errorf("%d %s", a.status, a.body)
	}
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
	if _, err := pipe.Write(ship.orders[:100]); err != nil {
		t.Fatal(err)
	}
	p.underway(t, 2)
	p.post(t, "/new-session?_sid=s", "", nil)
	p.uploadBills(t, "s", ship.bills)
	if _, err := pipe.Write(ship.orders[100:]); err != nil {
		t.Fatal(err)
	}
	pipe.Close()
	(<-answered).fails(t, 409, "session_superseded", fields{"session_id": "s"})
	if a := p.get(t, "/download?_sid=s"); !bytes.Equal(a.body, ship.unmatched) {
		t.Error("orders of an earlier life are in the sheet")
	}
}
