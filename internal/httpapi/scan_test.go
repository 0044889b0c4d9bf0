package httpapi_test

import (
	"bytes"
	"context"
	"image/png"
	"testing"

	"tallyman/internal/intake"
	"tallyman/internal/sample"
	"tallyman/internal/sample/degrade"
	"tallyman/internal/testing/must"
	"tallyman/internal/testing/shipments"
)

// A picture of a bill comes through the routes of PDFs. What is read of it waits for somebody
// to accept it.
func TestAPictureOfABillIsUploaded(t *testing.T) {
	s := shipments.Sample(t, sample.Options{Bills: 1, Lines: 1, Seed: 2})
	doc := must.Written(t, s.WritePDF)
	p, err := reader.Picture(context.Background(), intake.File{Name: "bol.pdf", ReaderAt: bytes.NewReader(doc), Size: int64(len(doc))}, 1, degrade.Width)
	must.OK(t, err)
	img, err := png.Decode(bytes.NewReader(p.PNG))
	must.OK(t, err)
	photo, err := degrade.Make(img, degrade.Small, 1)
	must.OK(t, err)
	api := newPlace(t)
	kind, body := multi(t, fileIn("anything", "IMG_0001.JPG", photo))
	for _, up := range []struct {
		kind string
		body []byte
	}{{"image/jpeg", photo}, {"application/octet-stream", photo}, {kind, body}} {
		a := api.post(t, "/upload?_sid=s&filename=IMG_0001.JPG", up.kind, up.body)
		got, _ := decode(a.body).(map[string]any)
		if a.status != 200 || got["bills"] != 1.0 || got["unproved"] != 1.0 || got["held"] != 1.0 || got["reconciled"] != 0.0 {
			t.Fatalf("%s: %d %.400s", up.kind, a.status, a.body)
		}
	}
	want := must.Written(t, s.WriteUnmatched)
	api.get(t, "/download?_sid=s&accept_unproved=true").holds(t, want)
}
