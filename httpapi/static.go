package httpapi

import (
	"mime"
	"path"
	"strconv"

	"tallyman/fault"
	"tallyman/web"
)

// static answers with a part of the pages, which are built in.
func (c *call) static(name string) error {
	b, err := web.Files.ReadFile(name)
	if err != nil {
		return fault.New(fault.NotFound, "there is no page or part of one called %.80q", name)
	}
	kind := mime.TypeByExtension(path.Ext(name))
	switch path.Ext(name) { // whatever the system's table says
	case ".js":
		kind = "text/javascript; charset=utf-8"
	case ".css":
		kind = "text/css; charset=utf-8"
	case ".html":
		kind = "text/html; charset=utf-8"
	}
	h := c.w.Header()
	h.Set("Cache-Control", "no-cache")
	h.Set("Content-Type", kind)
	h.Set("Content-Length", strconv.Itoa(len(b)))
	c.w.Write(b)
	return nil
}

func staticFile(name string) func(*call) (any, error) {
	return func(c *call) (any, error) { return nil, c.static(name) }
}
