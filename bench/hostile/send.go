package main

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"image/png"
	"io"
	"mime"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"tallyman/internal/fault"
	"tallyman/internal/intake"
	"tallyman/internal/testing/api"
)

// The ways in which a document is sent.
const (
	asBOL     = "BOL"
	asOrders  = "order export"
	asPicture = "picture"
	another   = "reading back" // the requests that follow
)

// answer is the answer to a request.
type answer struct {
	way     string
	request string
	status  int // 0 if there was none
	code    string
	says    string // the sentence of an error
	took    time.Duration
	body    []byte
	err     error // why there was no answer
	kind    string
}

// String describes the answer for people.
func (a answer) String() string {
	switch {
	case a.err != nil:
		return fmt.Sprintf("%s: no answer after %v: %v", a.request, a.took.Round(time.Millisecond), a.err)
	case a.code != "":
		return fmt.Sprintf("%s: %d %s: %s", a.request, a.status, a.code, a.says)
	}
	return fmt.Sprintf("%s: %d %s, %d bytes: %.200q", a.request, a.status, a.kind, len(a.body), a.body)
}

// sender sends one document in all ways.
type sender struct {
	url      string
	client   *http.Client
	reader   *intake.Reader // draws what the server does not
	deadline time.Duration
	sound    invented
	name     string // the document's
	content  []byte
	session  string

	answers    []answer
	violations []violation
}

// violation is a broken promise of the server.
type violation struct {
	document string
	what     string
	answer   string
}

func (s *sender) wrong(a answer, format string, args ...any) {
	s.violations = append(s.violations, violation{s.name, fmt.Sprintf(format, args...), a.String()})
}

// ask makes a request. kind is the media type that a success must have, "" if it
// depends. It always returns an answer, and notes what is wrong with it.
func (s *sender) ask(ctx context.Context, way, method, path, kind string, files ...api.Part) answer {
	a := answer{way: way, request: method + " " + path}
	r := api.Request{Method: method, Path: path, SID: s.session, Client: s.client}
	if len(files) > 0 {
		r.Kind, r.Body = api.Form(files...)
	}
	limited, cancel := context.WithTimeout(ctx, s.deadline)
	defer cancel()
	began := time.Now()
	got, err := r.Do(limited, s.url)
	a.took, a.err, a.status, a.body = time.Since(began), err, got.Status, got.Body
	a.kind, _, _ = mime.ParseMediaType(got.Header.Get("Content-Type"))
	if ctx.Err() != nil {
		return a // the run was cancelled, which is not a fault of the server
	}
	s.check(&a, kind)
	s.answers = append(s.answers, a)
	return a
}

// check notes what is wrong with an answer, whatever the document.
func (s *sender) check(a *answer, kind string) {
	switch {
	case errors.Is(a.err, context.DeadlineExceeded):
		s.wrong(*a, overDeadline)
		return
	case a.err != nil:
		s.wrong(*a, "no answer")
		return
	}
	if a.status >= 400 {
		kind = "application/json"
	}
	var says struct{ Error, Code string }
	if kind == "application/json" {
		if err := json.Unmarshal(a.body, &says); err != nil || a.kind != kind {
			s.wrong(*a, notJSON)
		} else if a.status >= 400 && (says.Error == "" || says.Code == "") {
			s.wrong(*a, "an error without a sentence or a code")
		}
		a.code, a.says = says.Code, says.Error
	} else if a.kind != kind && kind != "" {
		s.wrong(*a, "it is of another type than %s", kind)
	}
	if a.status/100 != 2 && a.status/100 != 4 {
		s.wrong(*a, ours)
	}
	// The inner state of a program is not for people.
	for _, inside := range []string{"goroutine ", "runtime error", "panic:", "wasm error", "%!", "/proc/", ".go:"} {
		if strings.Contains(a.says, inside) {
			s.wrong(*a, "the sentence shows internals")
			break
		}
	}
}

// The violations that are counted.
const (
	ours         = "neither 2xx nor 4xx"
	notJSON      = "no JSON"
	overDeadline = "over the deadline"
)

// send sends the document in all ways.
func (s *sender) send(ctx context.Context) {
	id := s.session
	// It is sent under its own name, which may be hostile, too.
	as := api.Part{Name: filepath.Base(s.name), Content: s.content}

	s.session = id + "-bol"
	a := s.ask(ctx, asBOL, http.MethodPost, "/upload", "application/json", as)
	s.readBack(ctx, a, as)
	if a.status == 200 {
		s.draw(ctx)
	}
	s.clear(ctx)
	if a.code == "no_bills" || a.code == "unread_form" || a.code == "no_text" {
		s.drawHere(ctx)
	}

	s.session = id + "-orders"
	if a := s.ask(ctx, another, http.MethodPost, "/upload", "application/json", api.Part{Name: "sound.pdf", Content: s.sound.Bills}); a.err == nil && a.status != 200 {
		s.wrong(a, "a sound document was not accepted")
	}
	a = s.ask(ctx, asOrders, http.MethodPost, "/upload-csv", "application/json", as)
	s.readBack(ctx, a, as)
	s.clear(ctx)
}

// clear ends the session.
func (s *sender) clear(ctx context.Context) {
	if a := s.ask(ctx, another, http.MethodPost, "/clear-session", "application/json"); a.err == nil && a.status != 200 {
		s.wrong(a, "the session was not cleared")
	}
}

// readBack downloads everything of the session, and checks whether it is whole. up is
// the answer to the upload of a file.
func (s *sender) readBack(ctx context.Context, up answer, as api.Part) {
	if up.err != nil {
		return // the expected content is unknown
	}
	a := s.ask(ctx, another, http.MethodGet, "/status", "application/json")
	if a.err == nil && a.status != 200 {
		s.wrong(a, "there is no state")
	}
	kinds := []struct {
		format, kind string
		whole        func([]byte) error
	}{
		{"csv", "text/csv", wholeCSV},
		{"xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", wholeXLSX},
		{"json", "application/json", nil},
	}
	for _, f := range kinds {
		a := s.ask(ctx, another, http.MethodGet, "/download-bol?format="+f.format, f.kind)
		switch {
		case a.err != nil:
			return
		case up.status == 200 && a.status != 200:
			s.wrong(a, "it was accepted, but there is no sheet")
		case a.status == 200 && f.whole != nil:
			if err := f.whole(a.body); err != nil {
				s.wrong(a, "the sheet is not whole: %v", err)
			}
		}
		if up.status != 200 {
			return // one is enough to check the session's answers
		}
	}
	a = s.ask(ctx, another, http.MethodGet, "/files", "application/json")
	var list struct {
		Files []struct {
			Role        string
			DownloadURL string `json:"download_url"`
		}
	}
	if a.err != nil || json.Unmarshal(a.body, &list) != nil {
		return
	}
	// The last input is the file that was sent last.
	for _, f := range slices.Backward(list.Files) {
		if f.Role == "sheet" || (f.Role == "orders") != (up.way == asOrders) {
			continue
		}
		a := s.ask(ctx, another, http.MethodGet, f.DownloadURL, "")
		if a.err == nil && (a.status != 200 || !bytes.Equal(a.body, as.Content)) {
			a.body = a.body[:min(len(a.body), 20)]
			s.wrong(a, "the downloaded file differs from the one that was sent")
		}
		return
	}
	s.wrong(a, "it was accepted, but is not listed")
}

// pictureWidth is the width of pictures of pages, in pixels.
const pictureWidth = 400

// draw requests a picture of the first page of the session's PDF.
func (s *sender) draw(ctx context.Context) {
	a := s.ask(ctx, another, http.MethodGet, "/view", "application/json")
	var view struct{ Version string }
	if a.err != nil || json.Unmarshal(a.body, &view) != nil {
		return
	}
	a = s.ask(ctx, another, http.MethodGet, fmt.Sprintf("/page-picture?page=1&width=%d&of=%s", pictureWidth, url.QueryEscape(view.Version)), "image/png")
	if a.err == nil && a.status == 200 {
		if _, err := png.Decode(bytes.NewReader(a.body)); err != nil {
			s.wrong(a, "the picture is invalid: %v", err)
		}
	}
}

// drawHere draws the first page of the document with a worker of this program.
func (s *sender) drawHere(ctx context.Context) {
	limited, cancel := context.WithTimeout(ctx, s.deadline)
	defer cancel()
	a := answer{way: asPicture, request: "drawing page 1"}
	began := time.Now()
	p, err := s.reader.Picture(limited, intake.File{Name: s.name, ReaderAt: bytes.NewReader(s.content), Size: int64(len(s.content))}, 1, pictureWidth)
	a.took = time.Since(began)
	if ctx.Err() != nil {
		return
	}
	a.code = string(fault.CodeOf(err))
	if err != nil {
		a.says = err.Error()
		if limited.Err() != nil {
			s.wrong(a, overDeadline)
		} else if !slices.Contains(undrawn, fault.CodeOf(err)) {
			s.wrong(a, ours)
		}
	} else {
		a.status = 200
		if _, err := png.Decode(bytes.NewReader(p.PNG)); err != nil {
			s.wrong(a, "the picture is invalid: %v", err)
		}
	}
	s.answers = append(s.answers, a)
}

// undrawn are the faults that drawing may return. All of them concern the document.
var undrawn = []fault.Code{fault.DamagedPDF, fault.EncryptedPDF, fault.TooLarge, fault.TooSlow, fault.TooMuchMemory, fault.WorkerCrashed}

// columns is the number of a load sheet's columns (DESIGN.md §5).
const columns = 28

// wholeCSV checks a load sheet: its columns, and that no cell is a formula.
func wholeCSV(b []byte) error {
	r := csv.NewReader(bytes.NewReader(b))
	r.FieldsPerRecord = columns
	rows, err := r.ReadAll()
	if err != nil {
		return err
	}
	if len(rows) == 0 || rows[0][0] != "RTS ID" || rows[0][columns-1] != "Assigned Trucking Co." {
		return errors.New("its header is wrong")
	}
	for i, row := range rows {
		for _, cell := range row {
			if _, err := strconv.ParseFloat(strings.ReplaceAll(cell, ",", ""), 64); err != nil && strings.IndexAny(cell, "=+-@\t\r") == 0 && cell != "-" {
				return fmt.Errorf("row %d has a formula, %.40q", i+1, cell)
			}
		}
	}
	return nil
}

// wholeXLSX unpacks a workbook.
func wholeXLSX(b []byte) error {
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return err
	}
	for _, f := range z.File {
		r, err := f.Open()
		if err == nil {
			_, err = io.Copy(io.Discard, r)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
	}
	return nil
}
