package httpapi

import (
	"net/http"
	"strconv"
	"strings"

	"tallyman/internal/fault"
	"tallyman/internal/httpapi/web"
)

// static answers with a file of the pages, which are embedded. Browsers ask each time
// whether theirs is still current.
func (c *call) static(name string) error { return c.part(name, "no-cache") }

// part answers with a file of the pages, with the given Cache-Control header.
func (c *call) part(name, cache string) error {
	p, ok := web.Find(name)
	if !ok {
		return fault.New(fault.NotFound, "there is no file called %.80q", name)
	}
	h := c.w.Header()
	h.Set("Cache-Control", cache)
	h.Add("Vary", "Accept-Encoding")
	h.Set("ETag", p.ETag)
	if c.unchanged(p.ETag) {
		c.w.WriteHeader(http.StatusNotModified)
		return nil
	}
	h.Set("Content-Type", p.Type)
	body := p.Plain
	if p.Gzip != nil && takesGzip(c.r) {
		h.Set("Content-Encoding", "gzip")
		body = p.Gzip
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	c.w.Write(body)
	return nil
}

// handleVersioned answers with a file of the pages of this build. Another build's files
// have other addresses, so that browsers may keep these for ever.
func handleVersioned(c *call) (any, error) {
	if c.r.PathValue("version") != web.Version() {
		return nil, fault.New(fault.NotFound, "the server was updated since the page was loaded; load the page again")
	}
	return nil, c.part(c.r.PathValue("name"), "public, max-age=31536000, immutable")
}

// takesGzip reports whether the client accepts gzip, which it can also refuse by q=0.
func takesGzip(r *http.Request) bool {
	for one := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, q, _ := strings.Cut(one, ";")
		if !strings.EqualFold(strings.TrimSpace(name), "gzip") {
			continue
		}
		_, weight, given := strings.Cut(strings.ReplaceAll(q, " ", ""), "q=")
		if f, err := strconv.ParseFloat(weight, 64); !given || err != nil || f > 0 {
			return true
		}
	}
	return false
}

func staticFile(name string) func(*call) (any, error) {
	return func(c *call) (any, error) { return nil, c.static(name) }
}
