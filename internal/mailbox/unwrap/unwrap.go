// Package unwrap takes the files out of a mail: attachments in all usual encodings, those of
// mails within the mail, of winmail.dat (TNEF), of ZIP archives, and uuencoded ones in its text.
//
// A mail is hostile: everything is bounded, names are never used as paths, nothing is fetched
// that it refers to, and HTML is not looked at. What is left out is said.
package unwrap

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/textproto"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"tallyman/internal/fault"
	"tallyman/internal/text"
)

// Limits bound what is taken out of one mail.
type Limits struct {
	// Size is how many bytes all files may have together, unpacked.
	Size int64
	// Parts bounds the parts of all multiparts, the attributes of winmail.dat, and the entries
	// of archives, together; Files the files that are taken out; Depth how deep they lie.
	Parts, Files, Depth int
	// Header is how many bytes the header of a mail may have.
	Header int64
}

// Usual are limits that ordinary mails are far from.
var Usual = Limits{Size: 256 << 20, Parts: 1000, Files: 100, Depth: 8, Header: 256 << 10}

// File is a file that came with a mail.
type File struct {
	// Name is for people: it has no folders, and nothing that controls a terminal.
	Name string
	// Path is where it lies, and Size its length in bytes.
	Path string
	Size int64
	// Inline is true for what a mail shows in its text, such as the picture of a signature.
	Inline bool
}

// Content is what a mail has.
type Content struct {
	Files []File
	// Left has a sentence for each attachment that could not be taken out.
	Left []string
}

// Mail takes the files out of a mail, into a folder that must be there. It fails with
// fault.TooLarge if the mail exceeds the limits, with fault.BadRequest if it is not a mail, with
// fault.Cancelled, and with fault.Unwritable. Then files may be left in the folder.
func Mail(ctx context.Context, r io.Reader, dir string, lim Limits) (*Content, error) {
	u := &unwrapper{ctx: ctx, dir: dir, lim: lim, left: lim.Size, content: &Content{}}
	if err := u.message(bufio.NewReader(r), 0); err != nil {
		return nil, err
	}
	return u.content, nil
}

// unwrapper takes apart one mail.
type unwrapper struct {
	ctx     context.Context
	dir     string
	lim     Limits
	left    int64 // bytes
	parts   int
	content *Content
}

func (u *unwrapper) leave(format string, args ...any) {
	if len(u.content.Left) < 20 {
		u.content.Left = append(u.content.Left, fmt.Sprintf(format, args...))
	}
}

// count counts a part.
func (u *unwrapper) count() error {
	if err := u.ctx.Err(); err != nil {
		return fault.Ended(err)
	}
	if u.parts++; u.parts > u.lim.Parts {
		return fault.New(fault.TooLarge, "the mail has more than %d parts", u.lim.Parts)
	}
	return nil
}

func (u *unwrapper) deeper(depth int) error {
	if depth > u.lim.Depth {
		return fault.New(fault.TooLarge, "the mail has parts in more than %d layers", u.lim.Depth)
	}
	return nil
}

// Header reads the header of a mail or part, up to the empty line. Lines that are none of a
// header are skipped. It fails with fault.TooLarge if it has more than most bytes.
func Header(r *bufio.Reader, most int64) (textproto.MIMEHeader, error) {
	var b bytes.Buffer
	valid := false
	for n := int64(0); ; {
		line, err := r.ReadSlice('\n')
		if n += int64(len(line)); n > most {
			return nil, fault.New(fault.TooLarge, "the header of the mail has more than %s", text.Size(most))
		}
		if errors.Is(err, bufio.ErrBufferFull) { // the rest of the line follows
			b.Write(line)
			continue
		}
		if err != nil && err != io.EOF {
			return nil, err
		}
		if b.Len() == 0 || b.Bytes()[b.Len()-1] == '\n' {
			end := len(bytes.TrimRight(line, "\r\n")) == 0
			switch {
			case end:
				b.WriteString("\r\n")
				h, err := textproto.NewReader(bufio.NewReader(&b)).ReadMIMEHeader()
				if err != nil {
					return nil, fault.New(fault.BadRequest, "the header of the mail cannot be read")
				}
				return h, nil
			case line[0] == ' ' || line[0] == '\t': // belongs to the line before
			default:
				valid = isField(line)
			}
		}
		if valid {
			b.Write(bytes.TrimRight(line, "\r\n"))
			b.WriteString("\r\n")
		}
		if err == io.EOF {
			b.WriteString("\r\n")
			r.Reset(bytes.NewReader([]byte("\r\n")))
		}
	}
}

// isField reports whether a line begins with the name of a field (RFC 5322, 2.2).
func isField(line []byte) bool {
	name, _, ok := bytes.Cut(line, []byte(":"))
	if !ok || len(name) == 0 {
		return false
	}
	for _, c := range name {
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`()<>@,;\"/[]?={}`, c) >= 0 {
			return false
		}
	}
	return true
}

// message takes apart a mail.
func (u *unwrapper) message(r *bufio.Reader, depth int) error {
	if err := u.deeper(depth); err != nil {
		return err
	}
	h, err := Header(r, u.lim.Header)
	if err != nil {
		return err
	}
	return u.part(h, r, depth)
}

// kind is what the fields of a header say of a body.
type kind struct {
	media, boundary, name string
	attached, inline      bool
}

func kindOf(h textproto.MIMEHeader) (k kind) {
	value := h.Get("Content-Type")
	media, params, err := mime.ParseMediaType(value)
	if err != nil {
		media, params = lenient(value)
	}
	k.media, k.boundary = strings.ToLower(media), params["boundary"]
	value = h.Get("Content-Disposition")
	how, disposition, err := mime.ParseMediaType(value)
	if err != nil {
		how, disposition = lenient(value)
	}
	k.attached = strings.EqualFold(how, "attachment")
	k.inline = strings.EqualFold(how, "inline") || !k.attached && h.Get("Content-Id") != ""
	for _, name := range []string{extended(h.Get("Content-Disposition"), "filename"), disposition["filename"], extended(h.Get("Content-Type"), "name"), params["name"]} {
		if name = DecodeWords(name); strings.TrimSpace(name) != "" {
			k.name = name
			break
		}
	}
	if k.media == "" {
		k.media = "text/plain"
	}
	return k
}

// lenient reads a field whose parameters are not written as they should be, as in
// attachment; filename=bill of lading.pdf
func lenient(value string) (media string, params map[string]string) {
	media, rest, _ := strings.Cut(value, ";")
	params = map[string]string{}
	for p := range strings.SplitSeq(rest, ";") {
		name, v, ok := strings.Cut(p, "=")
		name = strings.ToLower(strings.TrimSpace(name))
		if _, there := params[name]; ok && !there {
			params[name] = strings.Trim(strings.TrimSpace(v), `"`)
		}
	}
	return strings.TrimSpace(media), params
}

// part takes apart a body.
func (u *unwrapper) part(h textproto.MIMEHeader, body io.Reader, depth int) error {
	k := kindOf(h)
	lower := strings.ToLower(k.name)
	switch {
	case strings.HasPrefix(k.media, "multipart/"):
		if k.media == "multipart/encrypted" {
			u.leave("A part of the mail is encrypted; send it without.")
			return nil
		}
		return u.multipart(k, body, depth)
	case k.media == "message/external-body":
		u.leave("An attachment lies elsewhere, and only its address came: nothing is fetched; attach the file itself.")
		return nil
	case k.media == "message/delivery-status", k.media == "message/disposition-notification", k.media == "text/rfc822-headers",
		k.media == "application/pkcs7-signature", k.media == "application/x-pkcs7-signature", k.media == "application/pgp-signature",
		k.media == "application/applefile", k.media == "text/calendar", k.media == "text/vcard", k.media == "text/x-vcard":
		return nil
	case k.media == "application/pkcs7-mime", k.media == "application/x-pkcs7-mime":
		u.leave("The mail is encrypted, or signed so that it cannot be opened (S/MIME); send it without, or with a detached signature.")
		return nil
	}
	decoded, plain, err := decoder(h.Get("Content-Transfer-Encoding"), body)
	if err != nil {
		u.leave("%s: %v.", nameOr(k.name, "an attachment"), err)
		return nil
	}
	switch {
	case k.media == "message/rfc822", k.media == "message/global", k.media == "message/rfc822-headers",
		strings.HasSuffix(lower, ".eml") && !strings.HasPrefix(k.media, "text/"):
		if err := u.count(); err != nil {
			return err
		}
		return u.message(bufio.NewReader(decoded), depth+1)
	case k.media == "text/plain" && k.name == "" && !k.attached:
		return u.text(decoded, depth)
	case strings.HasPrefix(k.media, "text/") && k.name == "" && !k.attached:
		return nil // its HTML is not looked at
	}
	f, whole, err := u.save(k.name, decoded, !plain)
	if err != nil {
		return err
	}
	f.Inline = k.inline
	return u.take(f, whole, depth, "%s is damaged: its encoding (%s) ends or breaks in the middle.",
		nameOr(k.name, "an attachment"), strings.ToLower(strings.TrimSpace(h.Get("Content-Transfer-Encoding"))))
}

func nameOr(name, other string) string {
	if name == "" {
		return other
	}
	return tidy(name)
}

// multipart takes apart the parts of a body.
func (u *unwrapper) multipart(k kind, body io.Reader, depth int) error {
	if err := u.deeper(depth + 1); err != nil {
		return err
	}
	if k.boundary == "" || len(k.boundary) > 1000 {
		u.leave("A part of the mail does not say how its own parts are separated, so that they could not be read.")
		return nil
	}
	parts := multipart.NewReader(body, k.boundary)
	for {
		p, err := parts.NextRawPart()
		switch {
		case err == io.EOF:
			return nil
		case errors.Is(err, io.ErrUnexpectedEOF), err != nil && strings.Contains(err.Error(), "EOF"):
			u.leave("The mail ends in the middle of a part.")
			return nil
		case err != nil:
			u.leave("A part of the mail is damaged, so that it and those after it could not be read.")
			return nil
		}
		if err := u.count(); err != nil {
			return err
		}
		if err := u.part(p.Header, p, depth+1); err != nil {
			return err
		}
	}
}

// decoder undoes a transfer encoding. plain is true if there is none, so that nothing can be
// wrong with it.
func decoder(encoding string, r io.Reader) (_ io.Reader, plain bool, err error) {
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "", "7bit", "8bit", "binary", "7-bit", "8-bit":
		return r, true, nil
	case "base64":
		return base64.NewDecoder(base64.StdEncoding, &alphabet{r: bufio.NewReader(r)}), false, nil
	case "quoted-printable":
		return quotedprintable.NewReader(r), false, nil
	case "uuencode", "x-uuencode", "uue", "x-uue":
		return &uu{r: bufio.NewReader(r)}, false, nil
	}
	return nil, false, fmt.Errorf("its transfer encoding %s is not known", text.Quote(encoding))
}

// alphabet lets through only what base64 consists of (RFC 2045, 6.8), up to its end.
type alphabet struct {
	r     *bufio.Reader
	ended bool
	n     int // characters of the last group
}

func (a *alphabet) Read(p []byte) (n int, err error) {
	for n < len(p) {
		if a.ended {
			return n, io.EOF
		}
		c, err := a.r.ReadByte()
		if err != nil {
			if err == io.EOF && a.n != 0 {
				err = io.ErrUnexpectedEOF
			}
			if n > 0 && err == io.EOF {
				return n, nil
			}
			return n, err
		}
		switch {
		case c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '+', c == '/', c == '=':
			p[n] = c
			n++
			if a.n = (a.n + 1) % 4; a.n == 0 && c == '=' {
				a.ended = true
			}
		case c == '\r' || c == '\n' || c == ' ' || c == '\t':
		default:
			return n, errors.New("not base64")
		}
	}
	return n, nil
}

// save writes a file into the folder. Unless strict, whatever can be read of it is the file; else
// whole is false if its encoding is damaged.
func (u *unwrapper) save(name string, r io.Reader, strict bool) (f File, whole bool, err error) {
	if len(u.content.Files) >= u.lim.Files {
		return f, false, fault.New(fault.TooLarge, "the mail has more than %d files", u.lim.Files)
	}
	// The number is that of the part, since files are unpacked and removed again.
	u.parts++
	f = File{Name: tidy(name), Path: filepath.Join(u.dir, strconv.Itoa(u.parts))}
	out, err := os.OpenFile(f.Path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return f, false, unwritable(err)
	}
	defer out.Close()
	w := &kept{w: out, ctx: u.ctx}
	f.Size, err = io.Copy(w, io.LimitReader(r, u.left+1))
	if w.err != nil {
		return f, false, w.err
	}
	if f.Size > u.left {
		return f, false, fault.New(fault.TooLarge, "the files of the mail have more than %s together", text.Size(u.lim.Size))
	}
	u.left -= f.Size
	if err != nil && !strict {
		u.leave("The mail ends in the middle of %s.", nameOr(name, "an attachment"))
		err = nil
	}
	if cerr := out.Close(); cerr != nil {
		return f, false, unwritable(cerr)
	}
	return f, err == nil, nil
}

// take opens a file that was saved, or removes it and says so if it is not whole.
func (u *unwrapper) take(f File, whole bool, depth int, damaged string, args ...any) error {
	if whole {
		return u.open(f, depth)
	}
	u.leave(damaged, args...)
	return remove(f)
}

func remove(f File) error {
	if err := os.Remove(f.Path); err != nil {
		return unwritable(err)
	}
	return nil
}

// kept remembers whether it was writing that failed.
type kept struct {
	ctx context.Context
	w   io.Writer
	err error
}

func (k *kept) Write(p []byte) (int, error) {
	if err := k.ctx.Err(); err != nil {
		k.err = fault.Ended(err)
		return 0, k.err
	}
	n, err := k.w.Write(p)
	if err != nil {
		k.err = unwritable(err)
	}
	return n, err
}

func unwritable(err error) error {
	return fault.New(fault.Unwritable, "the files of the mail cannot be stored: %w", err)
}

// open takes the files out of a file if it is a wrapping, or keeps it.
func (u *unwrapper) open(f File, depth int) error {
	r, err := os.Open(f.Path)
	if err != nil {
		return unwritable(err)
	}
	defer r.Close()
	head := make([]byte, 8)
	n, err := r.ReadAt(head, 0)
	if err != nil && err != io.EOF {
		return unwritable(err)
	}
	head, err = head[:n], nil
	var opened bool
	switch {
	case isTNEF(head):
		opened, err = true, u.tnef(r, f, depth+1)
	case bytes.HasPrefix(head, []byte("PK\x03\x04")):
		opened, err = u.zip(r, f, depth+1)
	}
	if err != nil {
		return err
	}
	if f.Size == 0 {
		u.leave("%s is empty.", f.Name)
	}
	if opened || f.Size == 0 {
		r.Close()
		return remove(f)
	}
	u.content.Files = append(u.content.Files, f)
	return nil
}
