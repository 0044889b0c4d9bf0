package httpapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"tallyman/internal/desk"
	"tallyman/internal/fault"
	"tallyman/internal/session"
	"tallyman/internal/text"
)

// The statuses of a session in /status.
const (
	statusNone   = "no_session" // the session does not exist
	statusEmpty  = "empty"      // it has no files
	statusReady  = "ready"      // it has bills without orders, so there is a sheet
	statusMerged = "merged"     // it has bills and orders
)

func statusOf(st session.State, there bool) string {
	switch {
	case !there:
		return statusNone
	case len(st.BOL) == 0:
		return statusEmpty
	case len(st.Orders) == 0:
		return statusReady
	default:
		return statusMerged
	}
}

// summaryOf returns the summary that the desk stored with a BOL file.
func summaryOf(in session.Input) desk.BillsSummary {
	var sum desk.BillsSummary
	_ = json.Unmarshal(in.Summary, &sum) // the desk made it; on an error the zero value is harmless
	return sum
}

// simpleAnswer says that a request was carried out.
type simpleAnswer struct {
	// Status is "success".
	Status  string `json:"status"`
	Message string `json:"message"`
}

func success(message string) simpleAnswer { return simpleAnswer{"success", message} }

// removedAnswer says how much an operation removed.
type removedAnswer struct {
	Files int   `json:"files"`
	Bytes int64 `json:"bytes"`
}

// readyAnswer is the answer of GET / for programs.
type readyAnswer struct {
	// Status is "ready".
	Status    string            `json:"status"`
	SessionID string            `json:"session_id"`
	Message   string            `json:"message"`
	Service   string            `json:"service"`
	Version   string            `json:"version"`
	Endpoints map[string]string `json:"endpoints"`
}

// wantsJSON reports whether a request for the page asks for JSON instead.
func wantsJSON(r *http.Request) bool {
	if strings.EqualFold(r.URL.Query().Get("format"), "json") {
		return true
	}
	accept := strings.ToLower(r.Header.Get("Accept"))
	return strings.Contains(accept, "application/json") && !strings.Contains(accept, "text/html")
}

// handleRoot answers with the page, or with the service's endpoints in JSON.
func handleRoot(c *call) (any, error) {
	h := c.w.Header()
	h.Add("Vary", "Accept")
	if !wantsJSON(c.r) {
		c.noOp = true
		return nil, c.static("index.html")
	}
	var err error
	if c.caller, err = c.identify(); err != nil {
		return nil, err
	}
	if c.naming.id() == "" {
		if c.naming, err = c.name(); err != nil {
			return nil, err
		}
	}
	if c.span == nil {
		c.trace()
	}
	if _, err := c.open(); err != nil {
		return nil, err
	}
	return readyAnswer{
		Status: "ready", SessionID: string(c.naming.id()), Message: "Tallyman is ready.",
		Service: serviceName, Version: c.s.config.Version, Endpoints: endpoints(c.s.routes),
	}, nil
}

// newAnswer is the answer of /new-session.
type newAnswer struct {
	// Status is "created".
	Status    string `json:"status"`
	SessionID string `json:"session_id"`
	// Type is "external" for an ID that the caller gave, "internal" for a minted one.
	Type    string `json:"type"`
	Message string `json:"message"`
	// CleanupPerformed is true if there was a session before and it had files.
	CleanupPerformed bool `json:"cleanup_performed"`
	// PreviousFilesRemoved is the same as CleanupPerformed.
	PreviousFilesRemoved bool          `json:"previous_files_removed"`
	Removed              removedAnswer `json:"removed"`
	ExpiresAt            time.Time     `json:"expires_at"`
}

func handleNew(c *call) (newAnswer, error) {
	st, removed, err := c.begin()
	if err != nil {
		return newAnswer{}, err
	}
	c.noteRemoved(removed)
	a := newAnswer{
		Status: "created", SessionID: string(c.naming.id()), Type: "external", Message: "A new, empty session was created.",
		CleanupPerformed: removed.Files > 0, PreviousFilesRemoved: removed.Files > 0,
		Removed: removedAnswer{removed.Files, removed.Bytes}, ExpiresAt: st.Expires,
	}
	if c.naming.given == "" {
		a.Type = "internal"
	}
	if removed.Files > 0 {
		a.Message = fmt.Sprintf("A new, empty session was created; %s of an earlier one removed.", filesWere(removed.Files))
	}
	return a, nil
}

// filesWere returns "1 file was", "2 files were".
func filesWere(n int) string { return text.Verb(n, "file", "was", "were") }

// clearAnswer is the answer of /clear-session.
type clearAnswer struct {
	// Status is "cleared", or "no_session" if the request named none.
	Status    string        `json:"status"`
	SessionID string        `json:"session_id,omitempty"`
	Message   string        `json:"message"`
	Removed   removedAnswer `json:"removed"`
}

func handleClear(c *call) (clearAnswer, error) {
	if c.naming.id() == "" {
		return clearAnswer{Status: "no_session", Message: "The request names no session, so there was nothing to clear."}, nil
	}
	removed, err := c.s.desk.Clear(c.r.Context(), c.key())
	if err != nil {
		return clearAnswer{}, err
	}
	c.noteRemoved(removed)
	c.s.hub.tell(c.key(), event{Type: "cleared"})
	if c.naming.given == "" {
		c.setCookie("")
	}
	return clearAnswer{
		Status: "cleared", SessionID: string(c.naming.id()),
		Message: fmt.Sprintf("The session was cleared; %s removed.", filesWere(removed.Files)),
		Removed: removedAnswer{removed.Files, removed.Bytes},
	}, nil
}

// resetAnswer is the answer of /auto-reset.
type resetAnswer struct {
	// Status is "success".
	Status string `json:"status"`
	// OldSessionID is null if the request named no session.
	OldSessionID *string       `json:"old_session_id"`
	NewSessionID string        `json:"new_session_id"`
	SessionID    string        `json:"session_id"`
	Ready        bool          `json:"ready_for_next_workflow"`
	Message      string        `json:"message"`
	Removed      removedAnswer `json:"removed"`
}

func handleReset(c *call) (resetAnswer, error) {
	old := c.naming.id()
	_, removed, err := c.begin()
	if err != nil {
		return resetAnswer{}, err
	}
	c.noteRemoved(removed)
	return resetAnswer{
		Status: "success", OldSessionID: orNull(old), NewSessionID: string(c.naming.id()), SessionID: string(c.naming.id()), Ready: true,
		Message: fmt.Sprintf("Ready for the next workflow; %s removed.", filesWere(removed.Files)),
		Removed: removedAnswer{removed.Files, removed.Bytes},
	}, nil
}

// statusAnswer is the answer of /status.
type statusAnswer struct {
	// SessionID is null if the request names no session.
	SessionID *string `json:"session_id"`
	// Status is "no_session", "empty", "ready" (there is a sheet) or "merged" (with
	// orders).
	Status           string      `json:"status"`
	HasProcessedData bool        `json:"has_processed_data"`
	SessionExists    bool        `json:"session_exists"`
	AvailableFiles   []fileShort `json:"available_files"`
	// SessionAge is in seconds, null for a session that does not exist.
	SessionAge  *float64    `json:"session_age_seconds"`
	ExpiresAt   *time.Time  `json:"expires_at"`
	QueryParams queryParams `json:"query_params"`
}

// fileShort is one of a session's files.
type fileShort struct {
	Name string `json:"name"`
	// Size is in bytes.
	Size int64 `json:"size"`
	// Type is "pdf", "csv", "xlsx", "xls" or "json".
	Type string `json:"type"`
}

func shortOf(f desk.File) fileShort { return fileShort{f.Name, f.Size, f.Type} }

type queryParams struct {
	SID    *string `json:"_sid"`
	Action *string `json:"_action"`
	T      *string `json:"_t"`
}

func (c *call) param(name string) *string {
	if v := c.values[name]; len(v) > 0 {
		return &v[0]
	}
	return nil
}

func (c *call) queryParams() queryParams {
	return queryParams{c.param("_sid"), c.param("_action"), c.param("_t")}
}

// files returns the session that the request names and its files, as of one instant.
// The session need not exist.
func (c *call) files() (st session.State, there bool, files []desk.File, err error) {
	first, there, err := c.peek()
	if !there || err != nil {
		return st, false, nil, err
	}
	err = c.s.desk.Look(c.r.Context(), first, func(now session.State) (err error) {
		st = now
		files, err = c.s.desk.Files(c.r.Context(), now)
		return err
	})
	if fault.CodeOf(err) == fault.NotFound {
		return session.State{}, false, nil, nil // the session ended meanwhile
	}
	return st, err == nil, files, err
}

func handleStatus(c *call) (statusAnswer, error) {
	st, there, files, err := c.files()
	if err != nil {
		return statusAnswer{}, err
	}
	a := statusAnswer{
		Status: statusOf(st, there), SessionExists: there, HasProcessedData: len(st.BOL) > 0, AvailableFiles: text.Each(files, shortOf),
		SessionID: orNull(c.naming.id()), QueryParams: c.queryParams(),
	}
	if there {
		age, expires := max(0, time.Since(st.Created).Seconds()), st.Expires
		a.SessionAge, a.ExpiresAt = &age, &expires
	}
	return a, nil
}

// filesAnswer is the answer of /files.
type filesAnswer struct {
	SessionID *string      `json:"session_id"`
	Files     []fileAnswer `json:"files"`
}

// fileAnswer is one of a session's files, and its address.
type fileAnswer struct {
	fileShort
	// Role is "sheet", "bol", "orders" or "amendments".
	Role string `json:"role"`
	// DownloadURL is the path of the file on this server. It does not contain the
	// session's name: the request for the file must name the session as this request
	// did.
	DownloadURL string `json:"download_url"`
}

func handleFiles(c *call) (filesAnswer, error) {
	_, _, files, err := c.files()
	if err != nil {
		return filesAnswer{}, err
	}
	return filesAnswer{orNull(c.naming.id()), text.Each(files, func(f desk.File) fileAnswer {
		return fileAnswer{shortOf(f), f.Role, "/download-bol/" + escapeName(f.Name)}
	})}, nil
}

// detachAnswer is the answer of DELETE /files.
type detachAnswer struct {
	simpleAnswer
	SessionID string `json:"session_id"`
	// Revision is the session's after it.
	Revision int64     `json:"revision"`
	Removed  fileShort `json:"removed"`
}

// handleDetach takes one of the session's files away again.
func handleDetach(c *call) (a detachAnswer, err error) {
	revision, err := c.number("revision", 0)
	if err != nil {
		return a, err
	}
	st, there, err := c.peek()
	if err != nil {
		return a, err
	}
	if !there {
		return a, session.ErrNotFound()
	}
	if of := c.query("of"); of != "" && of != versionOf(st) {
		return a, desk.ErrOtherRevision(st.Revision)
	}
	now, gone, err := c.s.desk.Detach(c.r.Context(), st, c.query("name"), int64(revision))
	if err != nil {
		return a, err
	}
	c.note("files_removed", 1)
	c.s.hub.tell(c.key(), event{Type: "detached", Kind: gone.Role, Revision: now.Revision, Status: statusOf(now, true)})
	if err := c.changed("detached", now, nil); err != nil {
		return a, err
	}
	return detachAnswer{
		simpleAnswer: success(gone.Name + " was removed from the session; everything else was kept."), SessionID: string(c.naming.id()),
		Revision: now.Revision, Removed: fileShort{gone.Name, gone.Size, gone.Type},
	}, nil
}

// validateAnswer is the answer of /validate-session.
type validateAnswer struct {
	SessionID string `json:"session_id"`
	// Status is "valid", or "contaminated" if the session should be reset before the
	// next workflow.
	Status  string `json:"status"`
	IsClean bool   `json:"is_clean"`
	// Risk is the risk in taking the session for an empty one: "none", "low" (one BOL),
	// "medium" (with orders) or "high" (several BOLs).
	Risk            string        `json:"contamination_risk"`
	FilesFound      []string      `json:"files_found"`
	FileBreakdown   fileBreakdown `json:"file_breakdown"`
	Recommendations []string      `json:"recommendations"`
	// ProperWorkflow are the requests of a workflow, in order.
	ProperWorkflow  []string `json:"proper_workflow"`
	DirectoryExists bool     `json:"directory_exists"`
}

// fileBreakdown has the names of a session's files by kind.
type fileBreakdown struct {
	PDF []string `json:"pdf_files"`
	// CSV has the sheet, and the order export if that is a CSV.
	CSV []string `json:"csv_files"`
	// Other has order exports that are workbooks, and the amendments.
	Other []string `json:"other_files"`
}

// breakDown returns the names of files, all of them and by kind.
func breakDown(files []desk.File) (names []string, by fileBreakdown) {
	names, by = []string{}, fileBreakdown{[]string{}, []string{}, []string{}}
	for _, f := range files {
		kind := &by.Other
		switch f.Type {
		case "pdf":
			kind = &by.PDF
		case "csv":
			kind = &by.CSV
		}
		*kind = append(*kind, f.Name)
		names = append(names, f.Name)
	}
	return names, by
}

func errSessionRequired() error {
	return fault.New(SessionRequired, "the request names no session; give its ID as ?_sid=ID")
}

func handleValidate(c *call) (validateAnswer, error) {
	if c.naming.given == "" && c.naming.minted == "" {
		return validateAnswer{}, errSessionRequired()
	}
	st, there, files, err := c.files()
	if err != nil {
		return validateAnswer{}, err
	}
	a := validateAnswer{
		SessionID: string(c.naming.id()), Status: "valid", IsClean: len(files) == 0, Risk: "none",
		DirectoryExists: there, ProperWorkflow: workflow,
	}
	a.FilesFound, a.FileBreakdown = breakDown(files)
	switch {
	case len(st.BOL) > 1:
		a.Risk = "high"
		a.Recommendations = []string{"The session holds several BOL files, whose bills are in one sheet."}
	case len(st.Orders) > 0:
		a.Risk = "medium"
		a.Recommendations = []string{"The session holds a finished workflow."}
	case len(st.BOL) == 1:
		a.Risk = "low"
		a.Recommendations = []string{"The session holds a BOL; uploading another replaces it."}
	case there:
		a.Recommendations = []string{"The session is empty and ready for a workflow."}
	default:
		a.Recommendations = []string{"The session does not exist yet; its first use begins it, empty."}
	}
	if !a.IsClean {
		a.Status = "contaminated"
		a.Recommendations = append(a.Recommendations, "Call POST /new-session with this _sid before the next workflow, so that nothing of this one is visible.")
	}
	return a, nil
}

// cleanAnswer is the answer of /auto-clean-session.
type cleanAnswer struct {
	SessionID string `json:"session_id"`
	// Status is "cleaned" if there were files, "already_clean" if there were none, and
	// "no_directory" if the session did not exist.
	Status  string `json:"status"`
	Message string `json:"message"`
	// Contaminated and CleanupPerformed are true if there were files.
	Contaminated     bool `json:"contamination_detected"`
	CleanupPerformed bool `json:"cleanup_performed"`
	// FilesRemoved includes the sheet, although it is not a stored file; Removed does
	// not.
	FilesRemoved []string      `json:"files_removed"`
	Analysis     cleanAnalysis `json:"detailed_analysis"`
	Removed      removedAnswer `json:"removed"`
	// Ready is always true.
	Ready bool `json:"ready_for_processing"`
}

// cleanAnalysis is what the session contained before it was cleaned.
type cleanAnalysis struct {
	FileBreakdown   fileBreakdown `json:"file_breakdown"`
	TotalFiles      int           `json:"total_files"`
	DirectoryExists bool          `json:"directory_exists"`
}

// handleClean empties the session. It leaves a session that is empty or does not exist
// as it is.
func handleClean(c *call) (cleanAnswer, error) {
	if c.naming.given == "" && c.naming.minted == "" {
		return cleanAnswer{}, errSessionRequired()
	}
	st, there, err := c.peek()
	if err != nil {
		return cleanAnswer{}, err
	}
	a := cleanAnswer{SessionID: string(c.naming.id()), Status: "no_directory", Message: "The session does not exist; its first use begins it, empty.", Ready: true}
	a.FilesRemoved, a.Analysis.FileBreakdown = breakDown(desk.Named(st))
	a.Analysis.TotalFiles, a.Analysis.DirectoryExists = len(a.FilesRemoved), there
	switch {
	case len(a.FilesRemoved) > 0:
		_, removed, err := c.begin()
		if err != nil {
			return cleanAnswer{}, err
		}
		c.noteRemoved(removed)
		a.Status, a.Contaminated, a.CleanupPerformed = "cleaned", true, true
		a.Message = fmt.Sprintf("The session was emptied; %s removed.", filesWere(removed.Files))
		a.Removed = removedAnswer{removed.Files, removed.Bytes}
	case there:
		a.Status, a.Message = "already_clean", "The session is empty and ready for a workflow."
	}
	return a, nil
}
