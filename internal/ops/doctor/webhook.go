package doctor

import (
	"context"
	"slices"
	"strings"

	"tallyman/internal/text"
)

// allowed judges the options of webhooks, if there are to be any.
func (d *doctor) allowed(context.Context) {
	const check = "webhooks"
	hosts := text.List(d.Webhooks, 9, text.Itself)
	switch {
	case len(d.Webhooks) == 0:
		return
	case slices.ContainsFunc(d.Webhooks, everyHost):
		d.warn(check, "events may go to every public host: %s — name the hosts that are meant, unless owners are to choose freely", hosts)
	default:
		d.ok(check, "events may go to %s", hosts)
	}
	if d.PublicURL == "" {
		d.warn(check, "links in events are paths without the server's address — give --public-url")
	}
}

// everyHost reports whether an entry of --webhook-allow is not limited to a host or domain.
func everyHost(s string) bool {
	_, host, found := strings.Cut(s, "://")
	if !found {
		host = s
	}
	return host == "*" || strings.HasPrefix(host, "*:")
}
