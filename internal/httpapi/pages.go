package httpapi

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"time"

	"tallyman/internal/desk"
	"tallyman/internal/fault"
	"tallyman/internal/sample"
	"tallyman/internal/session"
	"tallyman/internal/sheet"
)

// viewAnswer is everything that the page shows of a session, as of one instant.
type viewAnswer struct {
	// SessionID is null if the request names no session.
	SessionID *string `json:"session_id"`
	// Status is as in /status.
	Status string `json:"status"`
	// Now is the server's time, to which ExpiresAt relates.
	Now       time.Time  `json:"now"`
	CreatedAt *time.Time `json:"created_at"`
	ExpiresAt *time.Time `json:"expires_at"`
	// Revision is the session's: it grows with each change. 0 if there is no session.
	Revision int64 `json:"revision"`
	// Webhooks is true if the caller can have webhooks.
	Webhooks bool `json:"webhooks"`
	// Bills are the files of the BOL, Exports the order exports.
	Bills   []inputView `json:"bills"`
	Exports []inputView `json:"exports"`
	// Orders is the first of the order exports; null if there is none.
	Orders *inputView `json:"orders"`
	// Version identifies this sheet among all sheets of all sessions.
	Version string `json:"version"`
	// Sheet is as in /download-bol?format=json; null if there is none, or if the caller
	// has this version.
	Sheet any `json:"sheet"`
}

// state encodes the members of the answer except the sheet, each with a comma after it.
func (a viewAnswer) state() (b []byte, err error) {
	v := reflect.ValueOf(a)
	for i := range v.NumField() {
		name := v.Type().Field(i).Tag.Get("json")
		if name == "sheet" {
			continue
		}
		value, err := json.Marshal(v.Field(i).Interface())
		if err != nil {
			return nil, err
		}
		b = fmt.Appendf(b, "%q:%s,", name, value)
	}
	return b, nil
}

// inputView is one of a session's inputs.
type inputView struct {
	Name string `json:"name"`
	// File is its name in /files, which no other file of the session has.
	File string `json:"file"`
	// Size is in bytes.
	Size       int64     `json:"size"`
	AttachedAt time.Time `json:"attached_at"`
}

// versionOf returns a value that identifies the content of a session. It differs for
// any other content, of this session or another, and reveals nothing about it.
func versionOf(st session.State) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "view\x00%s\x00%d", st.Incarnation, st.Revision))
	return base64.RawURLEncoding.EncodeToString(sum[:18])
}

// handleView answers with the session and its sheet.
func handleView(c *call) (any, error) {
	st, there, err := c.peek()
	if err != nil {
		return nil, err
	}
	var s *sheet.Sheet
	if there {
		err = c.s.desk.Look(c.r.Context(), st, func(now session.State) (err error) {
			st, s = now, nil
			if len(now.BOL) > 0 && c.query("have") != versionOf(now) {
				s, err = c.s.desk.Sheet(c.r.Context(), now)
			}
			return err
		})
		if fault.CodeOf(err) == fault.NotFound {
			st, there, err = session.State{}, false, nil // the session ended meanwhile
		}
		if err != nil {
			return nil, err
		}
	}
	a := viewAnswer{Status: statusOf(st, there), Now: time.Now().UTC(), Revision: st.Revision, Bills: []inputView{}, Exports: []inputView{}, SessionID: orNull(c.naming.id())}
	_, off := c.webhooks()
	a.Webhooks = off == nil
	if there {
		a.CreatedAt, a.ExpiresAt, a.Version = &st.Created, &st.Expires, versionOf(st)
	}
	for _, f := range desk.Named(st) {
		view := inputView{Name: f.Uploaded, File: f.Name, Size: f.Size, AttachedAt: f.Attached}
		switch f.Role {
		case "bol":
			a.Bills = append(a.Bills, view)
		case "orders":
			a.Exports = append(a.Exports, view)
		}
	}
	if len(a.Exports) > 0 {
		a.Orders = &a.Exports[0]
	}
	if s == nil {
		return a, nil
	}
	c.note("rows", len(s.Rows))
	return nil, c.sendView(a, s)
}

// sendView writes the sheet bill by bill, since it may be long, and compresses it if
// the client accepts that: most of it are names of members.
func (c *call) sendView(a viewAnswer, s *sheet.Sheet) error {
	head, err := a.state()
	if err != nil {
		return fmt.Errorf("encoding the state of a session: %w", err)
	}
	h := c.w.Header()
	h.Set("Content-Type", "application/json")
	h.Add("Vary", "Accept-Encoding")
	var w io.Writer = c.w
	end := func() error { return nil }
	if takesGzip(c.r) {
		zipped, err := gzip.NewWriterLevel(c.w, gzip.BestSpeed)
		if err != nil {
			return fmt.Errorf("compressing a sheet: %w", err)
		}
		h.Set("Content-Encoding", "gzip")
		w, end = zipped, zipped.Close
	}
	c.w.WriteHeader(http.StatusOK)
	if c.r.Method == http.MethodHead {
		return nil
	}
	if _, err := fmt.Fprintf(w, `{%s"sheet":`, head); err != nil {
		return err
	}
	if err := sheet.WriteJSON(w, s); err != nil {
		return err
	}
	if _, err := w.Write([]byte("}\n")); err != nil {
		return err
	}
	return end()
}

// pictureWidth is the default width of a picture, in pixels.
const pictureWidth = 1200

// number returns a parameter that is a whole number. It fails with fault.BadRequest.
func (c *call) number(name string, otherwise int) (int, error) {
	text := c.query(name)
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, fault.New(fault.BadRequest, "%q must be a whole number, not %.40q", name, text)
	}
	return n, nil
}

// filePage returns the parameters that name a page of the session's BOL.
func (c *call) filePage() (file, page int, err error) {
	if file, err = c.number("file", 0); err == nil {
		page, err = c.number("page", 1)
	}
	return file, page, err
}

// handlePicture answers with a picture of a page of the session's BOL. The request
// names the version that it wants a page of: if the session has changed, it gets an
// error instead of a page of another document. Browsers must not store pictures, which
// would outlive the session.
func handlePicture(c *call) (any, error) {
	of := c.query("of")
	if of == "" {
		return nil, fault.New(fault.BadRequest, "the request does not name the version of the sheet; send the \"version\" of /view as ?of=")
	}
	file, page, err := c.filePage()
	if err != nil {
		return nil, err
	}
	width, err := c.number("width", pictureWidth)
	if err != nil {
		return nil, err
	}
	var png []byte
	err = c.look(session.ErrNotFound, func(st session.State) error {
		if versionOf(st) != of {
			return fault.New(session.Changed, "the session changed after its bills were shown; load its view again")
		}
		p, err := c.s.desk.Picture(c.r.Context(), st, file, page, width)
		if err != nil {
			return err
		}
		png = p.PNG
		c.w.Header().Set("Page-Size", fmt.Sprintf("%g %g", p.PageWidth, p.PageHeight))
		return nil
	})
	if err != nil {
		return nil, err
	}
	h := c.w.Header()
	h.Set("Content-Type", "image/png")
	h.Set("Content-Length", strconv.Itoa(len(png)))
	c.w.Write(png)
	return nil, nil
}

// samples are the invented files that the page offers, by name. The first request makes
// them.
var samples = sync.OnceValues(func() (map[string][]byte, error) {
	good, err := sample.New(sample.Defaults())
	if err != nil {
		return nil, err
	}
	flawed, err := sample.Flawed()
	if err != nil {
		return nil, err
	}
	all := map[string][]byte{}
	for name, write := range map[string]func(io.Writer) error{
		"bol.pdf": good.WritePDF, "orders.csv": good.WriteOrders,
		"bol-with-mistakes.pdf": flawed.WritePDF, "orders-with-mistakes.csv": flawed.WriteOrders,
	} {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			return nil, fmt.Errorf("inventing %s: %w", name, err)
		}
		all[name] = b.Bytes()
	}
	return all, nil
})

// handleSample answers with one of the samples.
func handleSample(c *call) (any, error) {
	all, err := samples()
	if err != nil {
		return nil, err
	}
	name := c.r.PathValue("name")
	b, ok := all[name]
	if !ok {
		return nil, fault.New(fault.NotFound, "there is no sample called %.80q; there are bol.pdf, orders.csv, bol-with-mistakes.pdf and orders-with-mistakes.csv", name)
	}
	_, kind, _ := strings.Cut(name, ".")
	return &file{name: name, contentType: contentTypes[kind], size: int64(len(b)), write: written(b)}, nil
}
