package intake_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tallyman/internal/fault"
	"tallyman/internal/intake"
	"tallyman/internal/intake/pdf"
	"tallyman/internal/intake/worker"
	"tallyman/internal/sample"
	"tallyman/internal/testing/must"
)

// rogueFolder is the name of the folder for compiled code that makes workers rogue.
const rogueFolder = "rogue"

// beRogue makes this process a worker that was taken over, if it was started as a worker
// with that folder: whatever it is asked for, its replies are words that nobody can read,
// or none for files that begin with "silent".
func beRogue() {
	if filepath.Base(os.Getenv("TALLYMAN_WORKER_CACHE")) != rogueFolder {
		return
	}
	worker.Main(func(worker.Settings) map[string]worker.Handler {
		answer := func(c *worker.Call, _ []byte) error {
			b := make([]byte, 6)
			if _, err := c.Source(6).ReadAt(b, 0); err == nil && string(b) == "silent" {
				return nil
			}
			return c.Reply([]byte("\xff\xff nonsense"))
		}
		ask := func(c *worker.Call, args []byte) error {
			if _, err := c.Ask(nil); err != nil { // about pages, without their number
				return err
			}
			return answer(c, args)
		}
		picture := func(c *worker.Call, args []byte) error {
			if err := c.Reply([]byte("\x00\x00\x80\x3f\x00\x00\x80\x3f")); err != nil { // the size of the page
				return err
			}
			return answer(c, args)
		}
		show := func(c *worker.Call, args []byte) error {
			for _, reply := range []string{"1", "[1,1]"} { // the number of pages and the size of this one
				if err := c.Reply([]byte(reply)); err != nil {
					return err
				}
			}
			return answer(c, args)
		}
		return map[string]worker.Handler{
			"picture.show": show, "pdf.fast": ask, "pdf.read": answer, "pdf.judge": answer, "pdf.picture": picture, "orders.read": answer,
		}
	})
}

// What a worker sends is not trusted, and an answer that no sound one sends is the fault
// of the document that it reads, not of the server.
func TestAWorkerThatSendsNonsenseIsTheFaultOfItsDocument(t *testing.T) {
	c := patient
	c.Workers, c.Cache = 1, filepath.Join(t.TempDir(), rogueFolder)
	r := newReader(t, c)
	bills := must.Written(t, invented(t, sample.Options{Bills: 1, Lines: 1, Seed: 1}).WritePDF)
	export := []byte("Invoice No.,Style,Cartons,Pieces\nT1,S1,1,1\n")
	for name, read := range map[string]func() error{
		"bills": func() error {
			_, err := r.Bills(t.Context(), []intake.File{file("bol.pdf", bills)}, nil)
			return err
		},
		"orders":                func() error { _, err := r.Orders(t.Context(), file("orders.csv", export), nil); return err },
		"orders without a word": func() error { _, err := r.Orders(t.Context(), file("orders.csv", []byte("silent")), nil); return err },
		"a picture":             func() error { _, err := r.Picture(t.Context(), file("bol.pdf", bills), 1, 100); return err },
		"the page of a photo": func() error {
			_, err := r.Picture(t.Context(), file("photo.jpg", []byte("\xff\xd8\xff\xe0 JPEG")), 1, 100)
			return err
		},
		"a comparison": func() error {
			return r.Judge(t.Context(), file("bol.pdf", bills), 0, 1, func(pdf.Verdict) {})
		},
	} {
		err := read()
		if fault.CodeOf(err) != fault.WorkerCrashed {
			t.Errorf("%s: %v", name, err)
		}
		if s := err.Error(); strings.Contains(s, "nonsense") || errors.Is(err, io.EOF) {
			t.Errorf("%s: people are told %q", name, s)
		}
	}
}
