package mailbox

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"net/mail"
	"net/textproto"
	"regexp"
	"slices"
	"strings"

	"tallyman/internal/mailbox/unwrap"
	"tallyman/internal/pairing"
)

// The fields that are asked for of a mail before it is fetched.
var fields = []string{
	"From", "Sender", "Return-Path", "Message-ID", "In-Reply-To", "References", "Subject", "Content-Type",
	"Auto-Submitted", "Precedence", "List-Id", "List-Post", "List-Unsubscribe", "X-Auto-Response-Suppress", "X-Autoreply", "X-Autorespond",
	"Authentication-Results",
}

// mostHeader is how many bytes of these fields are taken.
const mostHeader = 256 << 10

// envelope is what the header of a mail says.
type envelope struct {
	id      string // Message-ID with its brackets, "" if it has none
	from    string // the address in lower case, "" if it is not exactly one
	subject string
	refs    []string // Message-IDs of the mails that it follows, the oldest first
	key     pairing.Sum
	// no says why the mail is left alone, "" if it is not.
	no string
}

var messageID = regexp.MustCompile(`<[^<>\s]{1,900}>`)

// read reads the header of a mail.
func (c *Config) read(b []byte) envelope {
	h, err := unwrap.Header(bufio.NewReader(bytes.NewReader(b)), mostHeader)
	if err != nil {
		return envelope{no: "its header cannot be read"}
	}
	e := envelope{id: messageID.FindString(h.Get("Message-Id")), subject: subject(h.Get("Subject"))}
	for _, id := range messageID.FindAllString(h.Get("References"), 100) {
		if !slices.Contains(e.refs, id) {
			e.refs = append(e.refs, id)
		}
	}
	if id := messageID.FindString(h.Get("In-Reply-To")); id != "" && !slices.Contains(e.refs, id) {
		e.refs = append(e.refs, id)
	}
	if len(h["From"]) == 1 {
		if all, err := mail.ParseAddressList(h.Get("From")); err == nil && len(all) == 1 {
			e.from = strings.ToLower(all[0].Address)
		}
	}
	if e.id != "" {
		e.key = sha256.Sum256([]byte("id\x00" + e.from + "\x00" + e.id))
	}
	e.no = c.left(&e, h)
	return e
}

// subject is a subject as people see it, in one line.
func subject(s string) string {
	s = pairing.Clean(strings.ToValidUTF8(unwrap.DecodeWords(s), "�"))
	return strings.Join(strings.Fields(pairing.Shorten(s, 300)), " ")
}

// left says why a mail is left alone.
func (c *Config) left(e *envelope, h textproto.MIMEHeader) string {
	if e.from == "" {
		return "it does not have exactly one sender"
	}
	_, domain, _ := strings.Cut(e.from, "@")
	if !slices.Contains(c.Senders, e.from) && !slices.Contains(c.Senders, "@"+domain) {
		return "its sender is not on the list"
	}
	if c.Trusted != "" && !authentic(h["Authentication-Results"], c.Trusted, domain) {
		return c.Trusted + " does not say that it really comes from its sender"
	}
	return automatic(h, e, c.Address)
}

// automatic says why a mail must not be answered (RFC 3834): it was not written by a person, or
// goes to many.
func automatic(h textproto.MIMEHeader, e *envelope, own string) string {
	local, _, _ := strings.Cut(e.from, "@")
	lower := func(name string) string { return strings.ToLower(strings.TrimSpace(h.Get(name))) }
	submitted, _, _ := strings.Cut(lower("Auto-Submitted"), ";")
	suppress := lower("X-Auto-Response-Suppress")
	_, returned := h["Return-Path"]
	kind := lower("Content-Type")
	switch {
	case strings.EqualFold(e.from, own), strings.HasPrefix(e.id, answerPrefix):
		return "it is from this mailbox itself"
	case submitted != "" && strings.TrimSpace(submitted) != "no",
		strings.Contains(suppress, "all") || strings.Contains(suppress, "autoreply"),
		lower("X-Autoreply") != "", lower("X-Autorespond") != "":
		return "it was sent by a program as an answer"
	case returned && strings.Trim(lower("Return-Path"), "<> ") == "",
		strings.HasPrefix(kind, "multipart/report"), strings.HasPrefix(kind, "message/delivery-status"),
		local == "mailer-daemon" || local == "postmaster":
		return "it reports of another mail"
	case lower("List-Id") != "" || lower("List-Post") != "" || lower("List-Unsubscribe") != "",
		slices.Contains([]string{"bulk", "list", "junk", "auto_reply"}, lower("Precedence")):
		return "it was sent to a list"
	case local == "noreply" || local == "no-reply" || local == "donotreply" || local == "do-not-reply":
		return "its sender takes no answers"
	}
	return ""
}

// authentic reports whether the results of a server (RFC 8601) say that a mail comes from a
// domain: by DMARC, or by DKIM or SPF of the domain or one above or below it. Only the first
// field that names the server counts: it puts its own above those that came with the mail.
func authentic(results []string, server, domain string) bool {
	for _, r := range results {
		clauses := strings.Split(strings.ToLower(uncommented(r)), ";")
		id, _, _ := strings.Cut(strings.TrimSpace(clauses[0]), " ")
		if id != strings.ToLower(server) {
			continue
		}
		for _, clause := range clauses[1:] {
			words := strings.Fields(clause)
			if len(words) == 0 {
				continue
			}
			props := map[string]string{}
			for _, w := range words {
				if name, value, ok := strings.Cut(w, "="); ok {
					if _, twice := props[name]; !twice {
						props[name] = strings.Trim(value, `"`)
					}
				}
			}
			switch words[0] {
			case "dmarc=pass":
				if of, said := props["header.from"]; !said || of == domain {
					return true
				}
			case "dkim=pass":
				_, identity, _ := strings.Cut(props["header.i"], "@")
				if aligned(props["header.d"], domain) || aligned(identity, domain) {
					return true
				}
			case "spf=pass":
				of := props["smtp.mailfrom"]
				if i := strings.LastIndexByte(of, '@'); i >= 0 {
					of = of[i+1:]
				}
				if aligned(of, domain) {
					return true
				}
			}
		}
		return false
	}
	return false
}

// aligned reports whether two domains are one, or one is below the other. A name without a dot
// is above too many.
func aligned(a, b string) bool {
	below := func(a, b string) bool { return strings.HasSuffix(a, "."+b) && strings.Contains(b, ".") }
	return a != "" && (a == b || below(a, b) || below(b, a))
}

// uncommented removes comments in parentheses, which may be nested.
func uncommented(s string) string {
	var b strings.Builder
	depth := 0
	quoted := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' && depth == 0:
			quoted = !quoted
			b.WriteByte(c)
		case c == '(' && !quoted:
			depth++
		case c == ')' && !quoted && depth > 0:
			depth--
			b.WriteByte(' ')
		case depth == 0:
			b.WriteByte(c)
		}
	}
	return b.String()
}
