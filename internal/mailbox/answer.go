package mailbox

import (
	"bufio"
	"encoding/hex"
	"io"
	"mime"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/emersion/go-message/mail"

	"tallyman/internal/atomicfile"
	"tallyman/internal/fault"
	"tallyman/internal/pairing"
)

// answerPrefix begins the Message-IDs of answers.
const answerPrefix = "<tallyman."

// answerID is the Message-ID of the answer to a mail: always the same, so that an answer that
// comes twice is known as one.
func (c *Config) answerID(key pairing.Sum) string {
	_, domain, _ := strings.Cut(c.Address, "@")
	return answerPrefix + hex.EncodeToString(key[:16]) + "@" + domain + ">"
}

// listed is how many lines of the list stand in the text of an answer; the attached one is whole.
const listed = 200

// answer writes the answer to a mail. The files lie in dir; the first is the list that also
// stands in the text.
func (c *Config) answer(path string, l *letter, said []string, dir string, files []string) error {
	var h mail.Header
	h.SetDate(time.Now())
	h.SetAddressList("From", []*mail.Address{{Name: "Tallyman", Address: c.Address}})
	h.SetAddressList("To", []*mail.Address{{Address: l.from}})
	re := l.subject
	if !strings.HasPrefix(strings.ToLower(re), "re:") {
		re = strings.TrimSpace("Re: " + re)
	}
	h.SetSubject(re)
	h.Set("Message-Id", c.answerID(l.key))
	if l.id != "" {
		h.Set("In-Reply-To", l.id)
		// The oldest and the newest ones are enough to find the thread.
		refs := l.refs
		if len(refs) > 20 {
			refs = append(refs[:1:1], refs[len(refs)-19:]...)
		}
		h.Set("References", strings.Join(append(refs[:len(refs):len(refs)], l.id), " "))
	}
	h.Set("Auto-Submitted", "auto-replied")
	h.Set("X-Auto-Response-Suppress", "All")
	return atomicfile.Write(path, func(out io.Writer) error {
		buffered := bufio.NewWriter(out)
		if err := c.compose(buffered, h, said, dir, files); err != nil {
			return fault.New(fault.Unwritable, "an answer cannot be written: %w", err)
		}
		return buffered.Flush()
	})
}

func (c *Config) compose(w io.Writer, h mail.Header, said []string, dir string, files []string) error {
	m, err := mail.CreateWriter(w, h)
	if err != nil {
		return err
	}
	var th mail.InlineHeader
	th.SetContentType("text/plain", map[string]string{"charset": "utf-8"})
	th.Set("Content-Transfer-Encoding", "quoted-printable")
	t, err := m.CreateSingleInline(th)
	if err != nil {
		return err
	}
	body := strings.Join(said, "\n") + "\n"
	if len(files) > 0 {
		list, err := os.ReadFile(filepath.Join(dir, files[0]))
		if err != nil {
			return err
		}
		lines := strings.SplitAfterN(string(list), "\n", listed+1)
		if len(lines) > listed {
			lines[listed] = "… " + files[0] + " has the whole list\n"
		}
		body += "\n" + strings.Join(lines, "")
	}
	if _, err := io.WriteString(t, strings.ReplaceAll(strings.ReplaceAll(body, "\r\n", "\n"), "\n", "\r\n")); err != nil {
		return err
	}
	if err := t.Close(); err != nil {
		return err
	}
	for _, name := range files {
		if err := attach(m, filepath.Join(dir, name), name); err != nil {
			return err
		}
	}
	return m.Close()
}

func attach(m *mail.Writer, path, name string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	var h mail.AttachmentHeader
	kind, _, err := mime.ParseMediaType(mime.TypeByExtension(filepath.Ext(name)))
	switch {
	case strings.HasSuffix(name, ".xlsx"):
		kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
	case err != nil:
		kind = "application/octet-stream"
	}
	var params map[string]string
	if strings.HasPrefix(kind, "text/") {
		params = map[string]string{"charset": "utf-8"}
	}
	h.SetContentType(kind, params)
	h.SetFilename(name)
	h.Set("Content-Transfer-Encoding", "base64")
	w, err := m.CreateAttachment(h)
	if err != nil {
		return err
	}
	if _, err := io.Copy(w, f); err != nil {
		return err
	}
	return w.Close()
}
