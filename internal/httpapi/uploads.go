package httpapi

import (
	"bufio"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"mime"
	"net/url"
	"strings"
	"time"

	"tallyman/internal/desk"
	"tallyman/internal/fault"
	"tallyman/internal/httpapi/body"
	"tallyman/internal/session"
	"tallyman/internal/sheet"
	"tallyman/internal/text"
	"tallyman/internal/webhook"
)

// uploadAnswer is the answer of the routes that take a BOL. The figures are of all
// bills that the session now has.
type uploadAnswer struct {
	simpleAnswer
	// Filename is the name of the file, of the first if there were several.
	Filename  string `json:"filename"`
	SessionID string `json:"session_id"`
	desk.Figures
	// Warnings are the findings that somebody should check, as sentences.
	Warnings []string `json:"warnings"`
	// FileSize is the size of the upload, in bytes.
	FileSize int64 `json:"file_size"`
}

// The media types of PDFs and pictures that are sent as whole bodies. The content decides.
var billTypes = []string{body.PDF, body.OldPDF, body.JPEG, body.PNG, body.TIFF, body.WebP, body.Octets}

// bills is the slot of PDFs of bills, orders that of an order export.
func bills(coding body.Coding) body.Slot { return body.Slot{For: string(session.BOL), Coding: coding} }

var orders = body.Slot{For: string(session.Orders), Coding: body.AsEither, Most: 1}

// slots maps all fields to the same slot.
func slots(to body.Slot, fields ...string) map[string]body.Slot {
	all := map[string]body.Slot{}
	for _, name := range fields {
		all[name] = to
	}
	return all
}

// only returns a Reception.Stray for a route that takes one kind of file.
func only(to body.Slot) func(bool) body.Slot { return func(bool) body.Slot { return to } }

// receive stores the files of the request; the content decides what a file of no slot is.
// The caller must discard them.
func (c *call) receive(rc body.Reception) (*desk.Incoming, body.Received, error) {
	in, err := c.s.desk.Receive(c.r.Context(), c.caller.owner)
	if err != nil {
		return nil, body.Received{}, err
	}
	got, err := c.body.Receive(rc, c.query("filename"), func(f body.File) error {
		slot := session.Slot(f.For)
		if slot == "" {
			content := bufio.NewReaderSize(f.Content, decidingHead)
			head, err := content.Peek(decidingHead)
			if err != nil && err != io.EOF {
				return err
			}
			if f.Content, slot = content, session.Orders; body.IsBills(head) {
				slot = session.BOL
			}
		}
		return in.Add(c.r.Context(), slot, f.Name, &watched{Reader: f.Content, c: c, next: time.Now().Add(keysChecked)})
	})
	if err == nil {
		err = c.stillAllowed()
	}
	if err != nil {
		in.Discard()
		return nil, got, err
	}
	in.Leave(got.Unused...)
	in.Once(c.once())
	return in, got, nil
}

// decidingHead is how much of a file decides what it is, in bytes.
const decidingHead = 4 << 10

// once returns the name of the change that the request makes, "" for none.
func (c *call) once() string {
	key := c.r.Header.Get("Idempotency-Key")
	if key == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:16])
}

// handleUpload takes BOL files as they are.
func handleUpload(c *call) (uploadAnswer, error) {
	return c.attachBills(body.Reception{
		Forms:    []string{body.Multipart},
		Raw:      billTypes,
		RawField: "file",
		Files:    slots(bills(body.AsPDF), "file"),
		Stray:    only(bills(body.AsPDF)),
		Fallback: "document.pdf",
	})
}

// handleUploadBase64 takes a BOL file in JSON.
func handleUploadBase64(c *call) (uploadAnswer, error) {
	return c.attachBills(body.Reception{
		Forms:    []string{body.JSON},
		Files:    slots(bills(body.AsBase64), "file_data", "attachmentData"),
		Stray:    only(bills(body.AsBase64)),
		Fallback: "attachment.pdf",
	})
}

// handleUploadAttachment takes a BOL file as automation services send it.
func handleUploadAttachment(c *call) (uploadAnswer, error) {
	return c.attachBills(body.Reception{
		Forms:    []string{body.JSON, body.URLEncoded, body.Multipart},
		Raw:      billTypes,
		RawField: "attachmentData",
		Files:    slots(bills(body.AsBase64), "attachmentData", "file_data", "data"),
		Also:     []string{"file"},
		Stray:    only(bills(body.AsBase64)),
		Fallback: "attachment.pdf",
	})
}

func (c *call) attachBills(rc body.Reception) (a uploadAnswer, err error) {
	defer func() { c.s.metrics.upload("bol", err) }()
	if err := c.s.desk.Room(c.caller.owner); err != nil {
		return a, err
	}
	// The session is opened before the first byte of the body: the files belong to the
	// incarnation of this moment.
	st, err := c.open()
	if err != nil {
		return a, err
	}
	attached := false
	defer func() {
		if err != nil && !attached {
			err = c.failed("bol", err)
		}
	}()
	in, got, err := c.receive(rc)
	if err != nil {
		return a, err
	}
	defer in.Discard()
	if name := cmp.Or(got.Values.Get("filename"), got.Values.Get("name")); in.Len() == 1 {
		in.Name(name)
	} else if name != "" {
		got.Warnings = append(got.Warnings, fmt.Sprintf("The name %q was not used, since the request has %d files.", text.Shorten(name, 40), in.Len()))
	}
	add, err := c.appends(got.Values)
	if err != nil {
		return a, err
	}
	switch teach := c.query("teach"); teach {
	case "", "false":
	case "true":
		in.KeepUnread()
	default:
		return a, fault.New(fault.BadRequest, "teach is true or false, not %.40q", teach)
	}
	a.Filename, a.FileSize = in.First(), in.Size()
	c.attrs = append(c.attrs, byteCount(a.FileSize))
	c.note("files", in.Len())
	c.s.hub.tell(c.key(), event{Type: "reading", Kind: "bol"})
	st, s, err := c.s.desk.AttachBills(c.r.Context(), st, add, in, c.progress())
	if err != nil {
		return a, err
	}
	attached = true
	sum := desk.Summary(s.Document)
	for _, f := range st.BOL[len(st.BOL)-in.Len():] {
		c.s.metrics.read(summaryOf(f))
	}
	c.noteSummary(sum)
	c.s.hub.tell(c.key(), event{Type: "attached", Kind: "bol", Revision: st.Revision, Status: statusOf(st, true), Pages: sum.Pages, Bills: sum.Bills, Lines: sum.Lines})
	if err := c.emitSheet(webhook.SheetReady, "bol", st, s); err != nil {
		return a, err
	}
	a.Status, a.SessionID, a.Figures = "success", string(c.naming.id()), sum.Figures
	a.Warnings = append(warningsOf(s), got.Warnings...)
	a.Message = fmt.Sprintf("PDF processed successfully: %s on %s, %d of %d bills reconciled",
		text.Count(sum.Lines, "line"), text.Count(sum.Pages, "page"), sum.Reconciled, sum.Bills)
	return a, nil
}

// afterAttach explains why the content of a session cannot be read any more: the
// session was reset or cleared meanwhile.
func afterAttach(err error) error {
	if fault.CodeOf(err) == fault.NotFound {
		return session.ErrSuperseded()
	}
	return err
}

// appends reports whether the upload is to be added to what the session has of its kind.
func (c *call) appends(values url.Values) (bool, error) {
	mode := cmp.Or(c.query("mode"), values.Get("mode"))
	switch strings.ToLower(strings.TrimSpace(mode)) {
	case "", "replace":
		return false, nil
	case "append":
		return true, nil
	default:
		return false, fault.New(fault.BadRequest, "there is no mode %.40q; use append, or leave mode out to replace what the session has", mode)
	}
}

func (c *call) noteSummary(sum desk.BillsSummary) {
	c.note("pages", sum.Pages)
	c.note("bills", sum.Bills)
	c.note("lines", sum.Lines)
	c.note("reconciled", sum.Reconciled)
	c.note("problems", sum.Problems)
}

// warningsOf returns the findings of a sheet that somebody should check, as sentences.
// It is never nil.
func warningsOf(s *sheet.Sheet) []string {
	all := s.ToCheck()
	some := all[:min(len(all), sheet.Listed)]
	warnings := text.Each(some, sheet.Finding.String)
	if left := len(all) - len(some); left > 0 {
		warnings = append(warnings, fmt.Sprintf("There are %d more; download the sheet as JSON for all of them.", left))
	}
	return warnings
}

// ordersAnswer is the answer of /upload-csv.
type ordersAnswer struct {
	simpleAnswer
	SessionID string `json:"session_id"`
	Filename  string `json:"filename"`
	matchFigures
	// Warnings are the findings of the sheet that somebody should check, as sentences.
	Warnings []string `json:"warnings"`
}

// joinFigures are the figures of order exports, and of what they have in common with bills.
type joinFigures struct {
	// Rows is the number of order rows, of all exports of the session.
	Rows int `json:"rows"`
	// Matched is the number of lines with an order row.
	Matched int `json:"matched"`
	// UnmatchedLines and UnmatchedOrders count lines and order rows without a partner,
	// near misses included.
	UnmatchedLines  int `json:"unmatched_lines"`
	UnmatchedOrders int `json:"unmatched_orders"`
	// NearMisses counts pairs of the same bill and style with other quantities.
	NearMisses int `json:"near_misses"`
	// State is "joined", or "wrong_orders" if the export looks like that of another
	// shipment.
	State string `json:"state"`
}

// joinOf returns the figures of a sheet that has orders.
func joinOf(s *sheet.Sheet) joinFigures {
	m := s.Match
	return joinFigures{len(s.Orders.Rows), m.Matched, len(m.UnmatchedLines), len(m.UnmatchedOrders), len(m.NearMisses), m.State}
}

// matchFigures are those figures, and the reason for the state wrong_orders.
type matchFigures struct {
	joinFigures
	Reason string `json:"reason"`
}

// The media types of order exports that are sent as whole bodies.
var exportTypes = []string{
	body.CSV, "application/csv", "text/plain", "text/tab-separated-values", "text/x-csv", "text/comma-separated-values",
	"application/vnd.ms-excel", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", body.Octets,
}

func handleUploadCSV(c *call) (a ordersAnswer, err error) {
	defer func() { c.s.metrics.upload("orders", err) }()
	if err := c.s.desk.Room(c.caller.owner); err != nil {
		return a, err
	}
	// Orders need bills, so no session is begun for them.
	st, err := c.withBills()
	if err != nil {
		return a, err
	}
	attached := false
	defer func() {
		if err != nil && !attached {
			err = c.failed("orders", err)
		}
	}()
	in, got, err := c.receive(body.Reception{
		Forms:    []string{body.Multipart, body.JSON, body.URLEncoded},
		Raw:      exportTypes,
		RawField: "file",
		Files:    slots(orders, "file", "csv_data", "file_data"),
		Also:     []string{"csv", "csv_file", "data", "attachmentData"},
		Stray:    only(orders),
		Fallback: "orders.csv",
	})
	if err != nil {
		return a, err
	}
	defer in.Discard()
	in.Name(cmp.Or(got.Values.Get("filename"), got.Values.Get("name")))
	a.Filename = in.First()
	columns, remember, err := c.mapColumns(in, got.Values)
	if err != nil {
		return a, err
	}
	c.attrs = append(c.attrs, byteCount(in.Size()))
	add, err := c.appends(got.Values)
	if err != nil {
		return a, err
	}
	c.s.hub.tell(c.key(), event{Type: "reading", Kind: "orders"})
	st, s, err := c.s.desk.AttachOrders(c.r.Context(), st, add, in)
	if err != nil {
		return a, err
	}
	attached = true
	a.Status, a.SessionID = "success", string(c.naming.id())
	a.matchFigures = matchFigures{joinOf(s), s.Match.Reason}
	a.Warnings = append(warningsOf(s), got.Warnings...)
	if remember {
		a.Warnings = append(a.Warnings, c.remember(columns)...)
	}
	a.Message = fmt.Sprintf("CSV data mapped successfully: %d of %s matched", a.Matched, text.Count(a.Rows, "order row"))
	if a.State == sheet.WrongOrders {
		a.Message = "Wrong orders? " + a.Reason
	}
	c.note("rows", a.Rows)
	c.note("matched", a.Matched)
	c.s.hub.tell(c.key(), event{Type: "attached", Kind: "orders", Revision: st.Revision, Status: statusOf(st, true), Rows: a.Rows})
	return a, c.emitSheet(webhook.SheetReady, "orders", st, s)
}

// processAnswer is the answer of /process.
type processAnswer struct {
	simpleAnswer
	OutputFile string `json:"output_file"`
	// DownloadURL is the path of the sheet on this server. It does not contain the
	// session's name: the request for the sheet must name the session as this request
	// did.
	DownloadURL string `json:"download_url"`
	SessionID   string `json:"session_id"`
	// FileSize is the size of the sheet as CSV, in bytes.
	FileSize int `json:"file_size"`
	// RowCount does not count the header.
	RowCount int `json:"row_count"`
}

// handleProcess reads the stored BOL again, or makes the sheet of the files in the
// request, without a session.
func handleProcess(c *call) (any, error) {
	if kind, _, _ := mime.ParseMediaType(c.r.Header.Get("Content-Type")); kind == body.Multipart {
		s, f, err := c.convert(conversion{bills: []string{"pdf", "file"}, orders: []string{"csv", "csv_file"}, optional: true})
		if err != nil {
			return nil, err
		}
		if s != nil {
			return c.sheetFile(convertedName, f, s)
		}
	} else if err := c.body.Ignore(); err != nil {
		return nil, err
	}
	if err := c.s.desk.Room(c.caller.owner); err != nil {
		return nil, err
	}
	st, _, err := c.peek()
	if err != nil {
		return nil, err
	}
	st, s, err := c.s.desk.Reread(c.r.Context(), st)
	if err != nil {
		return nil, afterAttach(err)
	}
	csv, err := c.s.desk.CSV(c.r.Context(), st)
	if err != nil {
		return nil, afterAttach(err)
	}
	c.noteSummary(desk.Summary(s.Document))
	if err := c.changed("process", st, s); err != nil {
		return nil, err
	}
	return processAnswer{
		simpleAnswer: success("Processing completed successfully"), OutputFile: desk.SheetName, DownloadURL: "/download-bol",
		SessionID: string(c.naming.id()), FileSize: len(csv), RowCount: len(s.Rows),
	}, nil
}
