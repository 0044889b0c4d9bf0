package httpapi

import (
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"tallyman/internal/desk"
	"tallyman/internal/fault"
	"tallyman/internal/httpapi/body"
	"tallyman/internal/report"
	"tallyman/internal/session"
	"tallyman/internal/sheet"
	"tallyman/internal/span"
	"tallyman/internal/text"
)

// file is an answer that is a file.
type file struct {
	name        string
	contentType string
	size        int64 // -1 if it is not known
	write       func(io.Writer) error
	close       func() // releases what write reads, whether write was called or not; may be nil
	tag         string // the entity tag: of equal ones the bytes are equal; "" for none
	inline      bool   // browsers show it, and do not save it
}

// written returns the write of a file that has these bytes.
func written(b []byte) func(io.Writer) error {
	return func(w io.Writer) error { _, err := w.Write(b); return err }
}

// whole makes a file whose length is not known before it is sent, as workbooks need it; items
// says how large it is.
func (c *call) whole(f *file, items int) (*file, error) {
	b, done, err := c.s.desk.Workbook(c.r.Context(), c.caller.owner, items, f.write)
	f.size, f.close, f.write = int64(len(b)), done, written(b)
	return f, err
}

// send answers with a file.
func (c *call) send(f *file) (err error) {
	if f.close != nil {
		defer f.close()
	}
	h := c.w.Header()
	if f.tag != "" {
		h.Set("ETag", f.tag)
		if c.unchanged(f.tag) {
			c.w.WriteHeader(http.StatusNotModified)
			return nil
		}
	}
	from, to, err := c.section(f)
	if err != nil {
		return err
	}
	h.Set("Content-Type", f.contentType)
	how := disposition(f.name)
	if f.inline {
		how = "inline" + strings.TrimPrefix(how, "attachment")
	}
	h.Set("Content-Disposition", how)
	status := http.StatusOK
	if f.size >= 0 {
		if f.tag != "" {
			h.Set("Accept-Ranges", "bytes")
		}
		h.Set("Content-Length", strconv.FormatInt(to-from, 10))
		if to-from < f.size {
			status = http.StatusPartialContent
			h.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, to-1, f.size))
		}
	}
	c.w.WriteHeader(status)
	if c.r.Method == http.MethodHead {
		return nil
	}
	_, sp := span.Start(c.r.Context(), "answer.send")
	defer func() {
		sp.Int("bytes", c.w.bytes)
		sp.End(err)
	}()
	if status == http.StatusPartialContent {
		// All of it is read: only at its end is it known to be sound.
		return f.write(&section{w: c.w, skip: from, left: to - from})
	}
	return f.write(c.w)
}

// section writes a part of what is written to it.
type section struct {
	w          io.Writer
	skip, left int64
}

func (s *section) Write(p []byte) (int, error) {
	skipped := min(s.skip, int64(len(p)))
	part := p[skipped:]
	part = part[:min(s.left, int64(len(part)))]
	s.skip -= skipped
	s.left -= int64(len(part))
	if len(part) > 0 {
		if _, err := s.w.Write(part); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

// unchanged reports whether the caller has the file with an entity tag already.
func (c *call) unchanged(tag string) bool {
	for _, list := range c.r.Header.Values("If-None-Match") {
		for have := range strings.SplitSeq(list, ",") {
			if have = strings.TrimPrefix(strings.TrimSpace(have), "W/"); have == tag || have == "*" {
				return true
			}
		}
	}
	return false
}

// section returns which bytes of a file are to be sent: the range that the caller asked
// for, or all. Ranges of files whose length is not known, several at once and malformed
// ones are ignored, as HTTP allows. It fails with BadRange if there are no such bytes.
func (c *call) section(f *file) (from, to int64, err error) {
	header := c.r.Header.Get
	first, last, ok := strings.Cut(strings.TrimPrefix(header("Range"), "bytes="), "-")
	if f.size < 0 || f.tag == "" || c.r.Method != http.MethodGet || !ok || !strings.HasPrefix(header("Range"), "bytes=") ||
		header("If-Range") != "" && header("If-Range") != f.tag {
		return 0, f.size, nil
	}
	from, ferr := strconv.ParseInt(first, 10, 64)
	to, terr := strconv.ParseInt(last, 10, 62)
	switch {
	case first == "" && terr == nil: // the last bytes
		from, to = max(0, f.size-to), f.size
	case last == "" && ferr == nil:
		to = f.size
	case ferr == nil && terr == nil && from <= to:
		to = min(to+1, f.size)
	default:
		return 0, f.size, nil
	}
	if from < 0 || from >= to {
		c.w.Header().Set("Content-Range", fmt.Sprintf("bytes */%d", f.size))
		return 0, 0, fault.New(BadRange, "the file has %d bytes, and not those of the range", f.size)
	}
	return from, to, nil
}

// tag returns an entity tag for a file that is made of a state of a session by this
// version of the program.
func (c *call) tag(st session.State, what string) string {
	sum := sha256.Sum256([]byte(versionOf(st) + "\x00" + what + "\x00" + c.s.config.Version))
	return `"` + hex.EncodeToString(sum[:16]) + `"`
}

// format returns the format that the request names; without one, CSV.
func format(values url.Values) (sheet.Format, error) {
	name := values.Get("format")
	if name == "" {
		return sheet.CSV, nil
	}
	return sheet.ParseFormat(name)
}

// accepts reports whether the request accepts bills that nothing proves.
func accepts(values url.Values) (bool, error) {
	text := values.Get("accept_unproved")
	if text == "" {
		return false, nil
	}
	accept, err := strconv.ParseBool(text)
	if err != nil {
		return false, fault.New(fault.BadRequest, "accept_unproved is true or false, not %.40q", text)
	}
	return accept, nil
}

// sheetFile returns a sheet as a file called base. Formats that are made while they are
// sent take almost no memory beside the sheet, which all requests for it share. A
// workbook has to be whole before it is sent.
func (c *call) sheetFile(base string, f sheet.Format, s *sheet.Sheet) (*file, error) {
	out := &file{name: base + f.Ext(), contentType: f.ContentType(), size: -1}
	out.write = func(w io.Writer) error { return sheet.Write(w, s, f) }
	switch f {
	case sheet.CSV:
		var k keeper
		if err := sheet.WriteCSV(&k, s); err != nil {
			return nil, fmt.Errorf("writing the sheet: %w", err)
		}
		out.size = k.size
		if int64(len(k.kept)) == k.size {
			out.write = written(k.kept)
		}
	case sheet.XLSX:
		return c.whole(out, len(s.Rows))
	}
	return out, nil
}

// maxKept is the size up to which a CSV is kept while it is sent. A larger one is made
// twice, first to learn its size.
const maxKept = 128 << 10

// keeper counts the bytes that are written to it, and keeps them if they are few.
type keeper struct {
	kept []byte
	size int64
}

func (k *keeper) Write(p []byte) (int, error) {
	if k.size += int64(len(p)); k.size <= maxKept {
		k.kept = append(k.kept, p...)
	} else {
		k.kept = nil
	}
	return len(p), nil
}

// sheet returns the session's sheet, and the entity tag of a file that is made of it.
func (c *call) sheet(what string) (s *sheet.Sheet, tag string, err error) {
	err = c.look(c.noSheet, func(st session.State) (err error) {
		tag = c.tag(st, what)
		s, err = c.s.desk.Sheet(c.r.Context(), st)
		return err
	})
	if err != nil {
		return nil, "", err
	}
	c.note("rows", len(s.Rows))
	return s, tag, nil
}

// acceptedSheet returns the session's sheet as sheet does, with the lines that nothing
// proves if the request accepts them.
func (c *call) acceptedSheet(what string) (s *sheet.Sheet, tag string, err error) {
	accept, err := accepts(c.values)
	if err != nil {
		return nil, "", err
	}
	if accept {
		what += " accepted"
	}
	if s, tag, err = c.sheet(what); err == nil && accept {
		s, err = c.s.desk.Accepted(c.r.Context(), c.caller.owner, s)
	}
	return s, tag, err
}

// download answers with the session's sheet, in a file called base.
func (c *call) download(base string) (any, error) {
	f, err := format(c.values)
	if err != nil {
		return nil, err
	}
	s, tag, err := c.acceptedSheet(f.Ext())
	if err != nil {
		return nil, err
	}
	out, err := c.sheetFile(base, f, s)
	if err != nil {
		return nil, err
	}
	out.tag = tag
	return out, nil
}

// handleRouting answers with the routing of the session's sheet, with warnings for the
// day that the request names, or else for today.
func handleRouting(c *call) (any, error) {
	f, err := format(c.values)
	if err != nil {
		return nil, err
	}
	if f == sheet.EBOL {
		return nil, fault.New(fault.BadRequest, "routing is csv, xlsx or json; drafts of electronic bills are a format of the sheet")
	}
	day := time.Now()
	if on := c.query("on"); on != "" {
		if day, err = time.Parse(time.DateOnly, on); err != nil {
			return nil, fault.New(fault.BadRequest, "on is a day such as 2025-07-30, not %.40q", on)
		}
	}
	s, tag, err := c.acceptedSheet("routing " + day.Format(time.DateOnly) + f.Ext())
	if err != nil {
		return nil, err
	}
	r := s.Routing(day)
	out := &file{name: "routing" + f.Ext(), contentType: f.ContentType(), size: -1, tag: tag}
	out.write = func(w io.Writer) error { return r.Write(w, f) }
	if f == sheet.XLSX {
		return c.whole(out, r.Total.Count)
	}
	return out, nil
}

// handleReport answers with what needs a person's eye in the session's sheet, as a paper.
func handleReport(c *call) (any, error) {
	f, err := report.ParseFormat(c.query("format"))
	if err != nil {
		return nil, err
	}
	s, _, err := c.sheet("report")
	if err != nil {
		return nil, err
	}
	r := report.New(s, time.Now())
	out, err := c.whole(&file{
		name: "to-check." + string(f), contentType: f.ContentType(), inline: f == report.HTML,
		write: func(w io.Writer) error { return r.Write(w, f) },
	}, r.Items())
	if err != nil {
		return nil, err
	}
	if f == report.HTML {
		h := c.w.Header()
		h.Set("Content-Security-Policy", h.Get("Content-Security-Policy")+"; style-src "+report.Style)
	}
	return out, nil
}

// handleDownloadFile answers with one of the session's files, by its name in /files.
// The name is looked up in the session and is never used as a path.
func handleDownloadFile(c *call) (any, error) {
	name := c.r.PathValue("name")
	var f desk.File
	var r io.ReadCloser
	tag := ""
	err := c.look(session.ErrNotFound, func(st session.State) (err error) {
		tag = c.tag(st, "file "+name)
		f, r, err = c.s.desk.OpenFile(c.r.Context(), st, name)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &file{
		name: f.Name, contentType: cmp.Or(contentTypes[f.Type], body.Octets), size: f.Size, tag: tag, close: func() { r.Close() },
		write: func(w io.Writer) error {
			_, err := io.Copy(w, r)
			return err
		},
	}, nil
}

// contentTypes are the media types of the kinds of files.
var contentTypes = map[string]string{
	"pdf": body.PDF, "csv": sheet.CSV.ContentType(), "xlsx": sheet.XLSX.ContentType(), "xls": "application/vnd.ms-excel", "json": body.JSON,
}

// escapeName escapes a file's name for use in a URL's path.
func escapeName(name string) string {
	if name == "." || name == ".." {
		return strings.ReplaceAll(name, ".", "%2E")
	}
	return url.PathEscape(name)
}

// conversion says in which fields a route receives files that it converts without a
// session.
type conversion struct {
	bills, orders []string // names of fields
	optional      bool     // the request may have no files
}

// convert receives files and makes their sheet, in the format that the request names.
// The sheet is nil if there are no files and they are optional.
func (c *call) convert(how conversion) (s *sheet.Sheet, f sheet.Format, err error) {
	defer func() {
		if s != nil || err != nil {
			c.s.metrics.upload("convert", err)
		}
	}()
	if _, err := format(c.values); err != nil {
		return nil, f, err // before the body is received
	}
	if err := c.s.desk.Room(c.caller.owner); err != nil {
		return nil, f, err
	}
	pdf := bills(body.AsPDF)
	fields := slots(pdf, how.bills...)
	maps.Copy(fields, slots(orders, how.orders...))
	in, got, err := c.receive(body.Reception{
		Forms: []string{body.Multipart},
		Files: fields,
		Stray: func(isPDF bool) body.Slot {
			if isPDF {
				return pdf
			}
			return orders
		},
		Strict:   true,
		Optional: how.optional,
		Fallback: "document",
	})
	if err != nil {
		return nil, f, err
	}
	defer in.Discard()
	if how.optional && in.Len() == 0 {
		return nil, f, nil
	}
	values := got.Values
	for _, name := range []string{"format", "accept_unproved"} {
		if c.values.Has(name) {
			values.Set(name, c.query(name))
		}
	}
	if f, err = format(values); err != nil {
		return nil, f, err
	}
	accept, err := accepts(values)
	if err != nil {
		return nil, f, err
	}
	if _, remember, err := c.mapColumns(in, values); err != nil || remember {
		if err == nil {
			err = fault.New(fault.BadRequest, "a conversion remembers nothing; write the profile with PUT /profile, or send the orders to /upload-csv")
		}
		return nil, f, err
	}
	if s, err = c.s.desk.Convert(c.r.Context(), c.caller.owner, in); err != nil {
		return nil, f, err
	}
	if accept {
		if s, err = c.s.desk.Accepted(c.r.Context(), c.caller.owner, s); err != nil {
			return nil, f, err
		}
	}
	c.note("pages", s.Document.PageCount())
	c.note("rows", len(s.Rows))
	c.s.metrics.read(desk.Summary(s.Document))
	return s, f, nil
}

// convertedName is the name of a conversion's file, without extension.
const convertedName = "BOL_processed"

// handleConvert makes a sheet without a session.
func handleConvert(c *call) (any, error) {
	s, f, err := c.convert(conversion{bills: []string{"pdf", "file"}, orders: []string{"csv", "csv_file"}})
	if err != nil {
		return nil, err
	}
	return c.sheetFile(convertedName, f, s)
}

// statelessAnswer is a sheet in JSON.
type statelessAnswer struct {
	simpleAnswer
	// RequestID is in the server's log, too.
	RequestID string `json:"request_id"`
	// CSV is the sheet, and Filename the name proposed for it.
	CSV      string `json:"csv_data"`
	Filename string `json:"filename"`
	// RowCount does not count the header.
	RowCount int `json:"row_count"`
	// Merged is true if the request had an order export.
	Merged bool `json:"has_csv_merge"`
	// Warnings are the findings that somebody should check, as sentences.
	Warnings []string `json:"warnings"`
}

// handleStateless makes a sheet without a session and answers with it in JSON.
func handleStateless(bills string) func(*call) (statelessAnswer, error) {
	return func(c *call) (a statelessAnswer, err error) {
		s, f, err := c.convert(conversion{bills: []string{bills}, orders: []string{"csv_file"}})
		if err != nil {
			return a, err
		}
		if f != sheet.CSV {
			return a, fault.New(fault.BadRequest, "this route answers with CSV in JSON; send the files to /convert?format=%s", f)
		}
		var b strings.Builder
		if err := sheet.WriteCSV(&b, s); err != nil {
			return a, fmt.Errorf("writing the sheet: %w", err)
		}
		a = statelessAnswer{
			simpleAnswer: success("PDF processed successfully: " + text.Count(len(s.Rows), "row")), RequestID: "r_" + strings.ToLower(rand.Text()),
			CSV: b.String(), Filename: convertedName + f.Ext(), RowCount: len(s.Rows), Merged: s.Orders != nil, Warnings: warningsOf(s),
		}
		c.attrs = append(c.attrs, slog.String("request", a.RequestID))
		return a, nil
	}
}
