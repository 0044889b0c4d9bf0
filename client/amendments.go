package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// Amendment is what a person adds to what was read: a corrected value, a line, a pair, a
// filled-in cell, a tick. docs/api.md says which members each kind has.
type Amendment struct {
	// ID, Key and At are given by the server.
	ID string `json:"id,omitempty"`
	// Kind is "correct", "add", "remove", "accept", "pair", "unpair", "fill" or "check".
	Kind string `json:"kind"`

	Bill    *Bill             `json:"bill,omitempty"`
	Line    *Line             `json:"line,omitempty"`
	Order   *Line             `json:"order,omitempty"`
	Field   string            `json:"field,omitempty"`
	Cells   map[string]string `json:"cells,omitempty"`
	Column  string            `json:"column,omitempty"`
	ShipTo  string            `json:"ship_to,omitempty"`
	Window  *Window           `json:"window,omitempty"`
	Value   string            `json:"value,omitempty"`
	Finding *Finding          `json:"finding,omitempty"`
	Note    string            `json:"note,omitempty"`

	By  string    `json:"by,omitempty"`
	Key string    `json:"key,omitempty"`
	At  time.Time `json:"at,omitzero"`

	// State is "applied", or "lost" with a Reason if what the amendment is about is not
	// there. Was is what was there before. The server ignores them.
	State  string `json:"state,omitempty"`
	Reason string `json:"reason,omitempty"`
	Was    string `json:"was,omitempty"`
}

// Bill names a bill by its number as it was read. Nth tells several apart, from 1.
type Bill struct {
	Number string `json:"number"`
	Nth    int    `json:"nth,omitempty"`
}

// Line names a line, or an order row, by what was read. Nth tells several apart, from 1.
type Line struct {
	Bill    string `json:"bill"`
	Style   string `json:"style"`
	Cartons string `json:"cartons"`
	Pieces  string `json:"pieces"`
	Nth     int    `json:"nth,omitempty"`
}

// Window is a ship window by the cells of the sheet.
type Window struct {
	Start  string `json:"start"`
	Cancel string `json:"cancel"`
}

// Finding names a finding of the sheet.
type Finding struct {
	Kind  string `json:"kind"`
	Where string `json:"where"`
	Text  string `json:"text"`
}

// Change is a change to the amendments of the session: all of it takes effect, or nothing.
type Change struct {
	// Revision is that of the state from which the change is made: if the session has
	// another by now, Amend fails with the code "changed". 0 changes whatever is newest.
	Revision int64 `json:"revision,omitempty"`
	// By is the name of the person.
	By  string      `json:"by,omitempty"`
	Add []Amendment `json:"add,omitempty"`
	// Undo are the IDs of amendments to take away, before any are added.
	Undo []string `json:"undo,omitempty"`
	// Once names the change: repeated with it, it is not made again. Amend chooses one if it
	// is "".
	Once string `json:"-"`
}

// Amendments are the amendments of the session.
type Amendments struct {
	SessionID  string      `json:"session_id"`
	Revision   int64       `json:"revision"`
	Amendments []Amendment `json:"amendments"`
	// Added are the IDs of those that the request added.
	Added []string `json:"added"`
	// Carried is how many values Carry filled in, and Lost are the rows whose values found no
	// place.
	Carried int       `json:"carried"`
	Lost    []LostRow `json:"lost"`
}

// LostRow is a row of an earlier sheet of which something could not be carried over.
type LostRow struct {
	Row int    `json:"row"`
	Why string `json:"why"`
}

// Amendments returns the amendments of the session.
func (c *Client) Amendments(ctx context.Context) (*Amendments, error) {
	return answer[Amendments](ctx, c, http.MethodGet, "/amendments", nil)
}

// Amend changes the amendments of the session. If somebody else was first, the error has the
// code "changed", and NewestOf returns the state to change instead.
func (c *Client) Amend(ctx context.Context, change Change) (*Amendments, error) {
	b, err := json.Marshal(change)
	if err != nil {
		return nil, fmt.Errorf("encoding amendments: %w", err)
	}
	return ask[Amendments](ctx, c, request{method: http.MethodPost, path: "/amendments", json: b, once: change.Once})
}

// Carry fills in what people filled in on an earlier sheet, a CSV or a workbook. by is the
// name of the person.
func (c *Client) Carry(ctx context.Context, earlier Upload, by string) (*Amendments, error) {
	return answer[Amendments](ctx, c, http.MethodPost, "/carry", url.Values{"by": {by}}, earlier)
}

// NewestOf returns the newest amendments from an error with the code "changed", nil from
// another.
func NewestOf(err error) *Amendments {
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Code != "changed" {
		return nil
	}
	a := &Amendments{SessionID: e.SessionID}
	if json.Unmarshal(e.Details, a) != nil {
		return nil
	}
	return a
}

// Detached is the answer to Detach.
type Detached struct {
	Revision int64 `json:"revision"`
	Removed  File  `json:"removed"`
}

// Detach takes one of the session's files away again, by its name in Status, and keeps
// everything else. revision, unless 0, is that of the state in which the file was seen.
func (c *Client) Detach(ctx context.Context, name string, revision int64) (*Detached, error) {
	query := url.Values{"name": {name}}
	if revision != 0 {
		query.Set("revision", fmt.Sprint(revision))
	}
	return answer[Detached](ctx, c, http.MethodDelete, "/files", query)
}
