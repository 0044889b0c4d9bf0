package httpapi

import (
	"encoding/json"
	"io"
	"math"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"tallyman/internal/httpapi/body"
	"tallyman/internal/keys"
	"tallyman/internal/session"
	"tallyman/internal/text"
)

// debugSessionsAnswer is the answer of /debug-sessions.
type debugSessionsAnswer struct {
	CurrentSession currentSession `json:"current_session"`
	WorkflowStatus workflowStatus `json:"workflow_status"`
	AllSessions    []debugSession `json:"all_sessions"`
	// TotalSessions counts all sessions that the caller may see, on all pages.
	TotalSessions int `json:"total_sessions"`
	// Next is the value of "after" for the next page, null on the last.
	Next *string `json:"next"`
	// ExternalSessionID is the ID that the caller gave, BrowserSessionID that of the
	// browser's cookie; null if there is none.
	ExternalSessionID *string     `json:"external_session_id"`
	BrowserSessionID  *string     `json:"flask_session_id"`
	QueryParams       queryParams `json:"query_params"`
	// Timestamp is in seconds since 1970.
	Timestamp float64 `json:"debug_timestamp"`
}

// currentSession is the session that the request names.
type currentSession struct {
	SessionID *string `json:"session_id"`
	// Type is "external" for an ID that the caller gave, "internal" for a cookie's,
	// null if the request names none.
	Type   *string `json:"type"`
	Status string  `json:"status"`
	Exists bool    `json:"exists"`
}

// workflowStatus is how far the workflow of the session that the request names has
// come.
type workflowStatus struct {
	Identified       bool `json:"session_identified"`
	DirectoryExists  bool `json:"session_directory_exists"`
	ReadyForPDF      bool `json:"ready_for_pdf"`
	ReadyForCSV      bool `json:"ready_for_csv"`
	ReadyForDownload bool `json:"ready_for_download"`
}

// debugSession is one session of the listing.
type debugSession struct {
	// SessionID is abbreviated if the server minted it and the caller did not present
	// it.
	SessionID      string      `json:"session_id"`
	Owner          string      `json:"owner"`
	Status         string      `json:"status"`
	Files          []fileShort `json:"files"`
	HasPDF         bool        `json:"has_pdf"`
	HasCSV         bool        `json:"has_csv"`
	HasCombinedCSV bool        `json:"has_combined_csv"`
	SizeMB         float64     `json:"size_mb"`
	CreatedAt      time.Time   `json:"created_at"`
	LastUsedAt     time.Time   `json:"last_used_at"`
	ExpiresAt      time.Time   `json:"expires_at"`
}

// defaultPage is the number of sessions on a page of the listing.
const defaultPage = 100

// now is the time in seconds since 1970, to the millisecond.
func now() float64 { return float64(time.Now().UnixMilli()) / 1000 }

func handleDebugSessions(c *call) (a debugSessionsAnswer, err error) {
	a.QueryParams, a.Timestamp = c.queryParams(), now()
	a.ExternalSessionID, a.BrowserSessionID = orNull(c.naming.given), orNull(c.naming.cookie)
	st, there, err := c.peek()
	if err != nil {
		return a, err
	}
	a.AllSessions = []debugSession{}
	a.CurrentSession = currentSession{Status: statusOf(st, there), Exists: there}
	if id := c.naming.id(); id != "" {
		kind := "internal"
		if c.naming.given != "" {
			kind = "external"
		}
		a.CurrentSession.SessionID, a.CurrentSession.Type = (*string)(&id), &kind
	}
	a.WorkflowStatus = workflowStatus{
		Identified: c.naming.id() != "", DirectoryExists: there, ReadyForPDF: there,
		ReadyForCSV: len(st.BOL) > 0, ReadyForDownload: len(st.BOL) > 0,
	}
	if !c.caller.own {
		// Other callers share this owner, so a session that this caller did not name is
		// not its own.
		if there {
			a.AllSessions, a.TotalSessions = append(a.AllSessions, c.debugged(st)), 1
		}
		return a, nil
	}
	owner := c.caller.owner
	if c.caller.all {
		owner = ""
	}
	page, next, err := c.listSessions(owner)
	if err != nil {
		return a, err
	}
	a.AllSessions, a.TotalSessions, a.Next = text.Each(page.Sessions, c.debugged), page.Total, next
	return a, nil
}

// listSessions returns the page of an owner's sessions that the request asks for, of all
// owners' for "", and the value of "after" for the next page, nil on the last.
func (c *call) listSessions(owner session.Owner) (page session.Page, next *string, err error) {
	q := session.Query{Owner: owner}
	if q.Limit, err = c.between("limit", defaultPage, 1, session.MaxPage); err != nil {
		return page, nil, err
	}
	if text := c.query("after"); text != "" {
		if q.After, err = c.s.seal.open(text); err != nil {
			return page, nil, err
		}
		if owner != "" && q.After.Owner != owner {
			return page, nil, errNoPage()
		}
	}
	if page, err = c.s.desk.List(c.r.Context(), q); err != nil {
		return page, nil, err
	}
	if n := len(page.Sessions); page.More && n > 0 {
		sealed := c.s.seal.seal(page.Sessions[n-1].Key)
		next = &sealed
	}
	return page, next, nil
}

func (c *call) debugged(st session.State) debugSession {
	d := debugSession{
		SessionID: string(st.Key.ID), Owner: string(st.Key.Owner), Status: statusOf(st, true), Files: []fileShort{},
		HasPDF: len(st.BOL) > 0, HasCSV: len(st.Orders) > 0, HasCombinedCSV: len(st.BOL) > 0,
		CreatedAt: st.Created, LastUsedAt: st.LastUsed, ExpiresAt: st.Expires,
	}
	if st.Key != c.key() {
		d.SessionID = abbreviated(st.Key.ID)
	}
	var size int64
	for _, of := range []struct {
		files []session.Input
		kind  string
	}{{st.BOL, "pdf"}, {st.Orders, "csv"}, {st.Amendments, "json"}} {
		for _, in := range of.files {
			d.Files = append(d.Files, fileShort{in.Name, in.Content.Size, of.kind})
			size += in.Content.Size
		}
	}
	d.SizeMB = math.Round(float64(size)/(1<<20)*100) / 100
	return d
}

// abbreviated shortens an ID that may be a credential (DESIGN.md §8).
func abbreviated(id session.ID) string {
	if strings.HasPrefix(string(id), session.Minted) && len(id) > 8 {
		return string(id[:6]) + "…"
	}
	return string(id)
}

// debugRequestAnswer is the answer of /debug-request.
type debugRequestAnswer struct {
	// Status is "debug_complete".
	Status      string      `json:"status"`
	Message     string      `json:"message"`
	RequestInfo requestInfo `json:"request_info"`
}

// requestInfo is a request as it was received, without its secrets.
type requestInfo struct {
	Method        string            `json:"method"`
	URL           string            `json:"url"`
	Path          string            `json:"path"`
	QueryParams   map[string]string `json:"query_params"`
	Headers       map[string]string `json:"headers"`
	ContentType   *string           `json:"content_type"`
	ContentLength *int64            `json:"content_length"`
	IsJSON        bool              `json:"is_json"`
	JSONData      any               `json:"json_data"`
	FormData      map[string]string `json:"form_data"`
	// Files are the names of the fields that hold files.
	Files []string `json:"files"`
	// RawData is the beginning of the body, and RawDataLength the length of all.
	RawData       string `json:"raw_data"`
	RawDataLength int64  `json:"raw_data_length"`
	// Timestamp is in seconds since 1970.
	Timestamp float64 `json:"timestamp"`
}

// The limits of what is echoed, in bytes.
const (
	maxEcho     = 64 << 10 // of a body that is searched for secrets
	maxEchoText = 500      // of a text
)

// blank replaces secrets.
const blank = "[blanked]"

// secret matches names of fields and headers whose values are not echoed, so that they
// do not end up in a screenshot.
var secret = regexp.MustCompile(`(?i)auth|bearer|cookie|credential|jwt|key|otp|pass|\bpin\b|pwd|secret|\bsig\b|signature|token`)

// keyText matches an API key, a JSON Web Token or a private key anywhere in a text.
var keyText = regexp.MustCompile(`(?i)` + regexp.QuoteMeta(keys.Prefix) + `[a-z0-9]|\beyJ[\w-]+\.[\w-]|-----BEGIN [A-Z ]*PRIVATE KEY|X-Amz-Signature=`)

func echoed(name, value string) string {
	if secret.MatchString(name) || keyText.MatchString(value) {
		return blank
	}
	if len(value) > maxEchoText {
		return strings.ToValidUTF8(value[:maxEchoText], "") + "..."
	}
	return strings.ToValidUTF8(value, "\uFFFD")
}

func echoedValues(values url.Values) map[string]string {
	out := map[string]string{}
	for name, v := range values {
		if len(v) > 0 {
			out[echoedKey(name)] = echoed(name, v[0])
		}
	}
	return out
}

// handleDebugRequest echoes the request.
func handleDebugRequest(c *call) (debugRequestAnswer, error) {
	r := c.r
	info := requestInfo{
		Method: r.Method, Path: r.URL.Path, QueryParams: echoedValues(c.values), Headers: map[string]string{},
		FormData: map[string]string{}, Files: []string{}, Timestamp: now(),
	}
	query := url.Values{}
	for name, v := range info.QueryParams {
		query.Set(name, v)
	}
	info.Headers["Host"] = echoed("", r.Host)
	info.URL = (&url.URL{Scheme: "http", Host: info.Headers["Host"], Path: r.URL.Path, RawQuery: query.Encode()}).String()
	for name, v := range r.Header {
		info.Headers[echoedKey(name)] = echoed(name, strings.Join(v, ", "))
	}
	kind := r.Header.Get("Content-Type")
	if kind != "" {
		shown := echoed("", kind)
		info.ContentType = &shown
	}
	if r.ContentLength >= 0 {
		info.ContentLength = &r.ContentLength
	}
	head, err := io.ReadAll(io.LimitReader(c.body, maxEcho))
	if err != nil {
		return debugRequestAnswer{}, err
	}
	rest, err := io.Copy(io.Discard, c.body)
	if err != nil {
		return debugRequestAnswer{}, err
	}
	info.RawDataLength = int64(len(head)) + rest
	echoBody(&info, kind, head, rest == 0)
	return debugRequestAnswer{Status: "debug_complete", Message: "Request debugging information captured", RequestInfo: info}, nil
}

// echoBody echoes a body. Of a body that is too long to be searched for secrets, it
// shows only the length.
func echoBody(info *requestInfo, contentType string, content []byte, whole bool) {
	kind, params, _ := mime.ParseMediaType(contentType)
	info.IsJSON = body.IsJSON(kind)
	switch {
	case !whole:
		info.RawData = "[" + strconv.FormatInt(info.RawDataLength, 10) + " bytes, too long to be shown]"
	case info.IsJSON:
		var v any
		if body.Shallow(content) && json.Unmarshal(content, &v) == nil {
			info.JSONData = redacted(v)
			if b, err := json.Marshal(info.JSONData); err == nil {
				info.RawData = echoed("", string(b))
			}
		} else if len(content) > 0 {
			info.JSONData = "Error parsing JSON"
		}
	case kind == body.URLEncoded:
		values, _ := parseValues(string(content)) // pairs that cannot be decoded are shown as they are
		info.FormData = echoedValues(values)
	case kind == body.Multipart:
		echoMultipart(info, multipart.NewReader(strings.NewReader(string(content)), params["boundary"]))
	default:
		info.RawData = echoed("", string(content))
	}
}

// echoedKey returns the name of a JSON member as it is echoed: in full.
func echoedKey(name string) string {
	if keyText.MatchString(name) {
		return blank
	}
	return name
}

// redacted returns a JSON value with its secrets replaced.
func redacted(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, member := range v {
			if secret.MatchString(name) {
				member = blank
			}
			out[echoedKey(name)] = redacted(member)
		}
		return out
	case []any:
		for i := range v {
			v[i] = redacted(v[i])
		}
	case string:
		return echoed("", v)
	}
	return v
}

func echoMultipart(info *requestInfo, r *multipart.Reader) {
	for range body.MaxParts {
		part, err := r.NextPart()
		if err != nil {
			return
		}
		name, _, file := body.Part(part.Header)
		if file {
			info.Files = append(info.Files, echoed("", name))
			continue
		}
		if b, err := io.ReadAll(part); err == nil {
			info.FormData[echoedKey(name)] = echoed(name, string(b))
		}
	}
}

// anyMethod are the methods of /debug-request.
var anyMethod = []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}
