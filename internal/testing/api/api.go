// Package api is the model of the HTTP interface that tests of whole servers share:
// how requests are made, and what a session holds after each (DESIGN.md §6 and §7).
package api

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"io"
	"maps"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Request is a request to make.
type Request struct {
	Method, Path string
	SID          string // the session ID, "" for none
	Query        url.Values
	Key          string // the API key, "" for none
	Once         string // the Idempotency-Key, "" for none
	Kind         string // Content-Type
	Body         []byte
	// Base is the server's URL, "" for the one given to Do.
	Base string
	// Client makes the request; nil means http.DefaultClient.
	Client *http.Client
}

// Address returns the request's URL at a server.
func (r Request) Address(base string) string {
	q := url.Values{}
	maps.Copy(q, r.Query)
	if r.SID != "" {
		q.Set("_sid", r.SID)
	}
	if len(q) == 0 {
		return base + r.Path
	}
	glue := "?"
	if strings.Contains(r.Path, "?") {
		glue = "&"
	}
	return base + r.Path + glue + q.Encode()
}

// String returns the method and the address without the server.
func (r Request) String() string { return r.Method + " " + r.Address("") }

// Answer is the answer to a request.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Code returns the code of an error, "" if there is none.
func (a Answer) Code() string {
	var e struct{ Code string }
	json.Unmarshal(a.Body, &e)
	return e.Code
}

// Into decodes an answer, which must be JSON.
func (a Answer) Into(v any) error { return json.Unmarshal(a.Body, v) }

// Do makes the request at a server. An error means that its effect is unknown.
func (r Request) Do(ctx context.Context, base string) (Answer, error) {
	req, err := http.NewRequestWithContext(ctx, r.Method, r.Address(cmp.Or(r.Base, base)), bytes.NewReader(r.Body))
	if err != nil {
		return Answer{}, err
	}
	for name, value := range map[string]string{"X-API-Key": r.Key, "Idempotency-Key": r.Once, "Content-Type": r.Kind} {
		if value != "" {
			req.Header.Set(name, value)
		}
	}
	resp, err := cmp.Or(r.Client, http.DefaultClient).Do(req)
	if err != nil {
		return Answer{}, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return Answer{resp.StatusCode, resp.Header, b}, err
}

// Part is a file in a form. Field "" means "file".
type Part struct {
	Field, Name string
	Content     []byte
}

// Form returns a multipart body.
func Form(parts ...Part) (kind string, body []byte) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, f := range parts {
		p, err := w.CreateFormFile(cmp.Or(f.Field, "file"), f.Name)
		if err == nil {
			_, err = p.Write(f.Content)
		}
		if err != nil {
			panic(err) // a buffer never fails
		}
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return w.FormDataContentType(), b.Bytes()
}

// File is a file in a listing.
type File struct {
	Name string `json:"name"`
	Size int64  `json:"size"` // bytes
}

// Status is the answer to /status.
type Status struct {
	Exists bool   `json:"session_exists"`
	Files  []File `json:"available_files"`
}

// Uploaded returns the session's files without the sheet, in order.
func (s Status) Uploaded() []File {
	return slices.DeleteFunc(slices.Clone(s.Files), func(f File) bool { return f.Name == "combined_data.csv" })
}

// Removed is what the answer to the end of a session's life says of its files.
type Removed struct {
	Removed struct {
		Files int
		Bytes int64
	}
}

// State is what a session holds: bills and order exports, each identified by an F, and
// amendments.
type State[F comparable] struct {
	Alive  bool
	Bills  []F
	Orders []F
	// Amended is "" if there never were amendments. Otherwise it begins with "+", and has what
	// each amendment does, in the form of the test, with ";" after it.
	Amended string
}

// Equal reports whether two states are the same.
func (s State[F]) Equal(o State[F]) bool {
	return s.Alive == o.Alive && slices.Equal(s.Orders, o.Orders) && slices.Equal(s.Bills, o.Bills) && s.Amended == o.Amended
}

// Files returns the uploads as the server lists them, without the amendments.
func (s State[F]) Files() []F { return slices.Concat(s.Bills, s.Orders) }

// Begun is the state after the session was begun anew.
func (s State[F]) Begun() State[F] { return State[F]{Alive: true} }

// Ended is the state after the session was cleared.
func (s State[F]) Ended() State[F] { return State[F]{} }

// Opened is the state when an upload of bills begins.
func (s State[F]) Opened() State[F] {
	s.Alive = true
	return s
}

// Replaced is the state after an upload of bills, which drops orders and amendments.
func (s State[F]) Replaced(bills ...F) State[F] { return State[F]{Alive: true, Bills: bills} }

// Appended is the state after an upload that adds bills.
func (s State[F]) Appended(bills ...F) State[F] {
	s.Alive, s.Bills = true, slices.Concat(s.Bills, bills)
	return s
}

// Ordered is the state after an upload of orders, which needs bills.
func (s State[F]) Ordered(orders F) State[F] {
	if len(s.Bills) > 0 {
		s.Orders = []F{orders}
	}
	return s
}

// AlsoOrdered is the state after an upload that adds orders.
func (s State[F]) AlsoOrdered(orders F) State[F] {
	if len(s.Bills) > 0 {
		s.Orders = slices.Concat(s.Orders, []F{orders})
	}
	return s
}

// Without is the state after a file was taken away.
func (s State[F]) Without(f F) State[F] {
	for _, files := range []*[]F{&s.Bills, &s.Orders} {
		if i := slices.Index(*files, f); i >= 0 {
			*files = slices.Delete(slices.Clone(*files), i, i+1)
			break
		}
	}
	return s
}

// AmendedBy is the state after amendments were added, each once however often it is sent.
func (s State[F]) AmendedBy(what ...string) State[F] {
	if len(s.Bills) == 0 {
		return s
	}
	if s.Amended == "" {
		s.Amended = "+"
	}
	for _, one := range what {
		if !strings.Contains(s.Amended, one+";") {
			s.Amended += one + ";"
		}
	}
	return s
}

// Undone is the state after an amendment was undone.
func (s State[F]) Undone(what string) State[F] {
	s.Amended = strings.Replace(s.Amended, what+";", "", 1)
	return s
}

// Amendments returns what each amendment does.
func (s State[F]) Amendments() []string {
	return strings.FieldsFunc(strings.TrimPrefix(s.Amended, "+"), func(r rune) bool { return r == ';' })
}
