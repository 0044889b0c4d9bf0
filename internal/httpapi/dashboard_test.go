package httpapi_test

import (
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"

	"tallyman/internal/desk"
	"tallyman/internal/httpapi"
	"tallyman/internal/mailbox"
	"tallyman/internal/testing/must"
	"tallyman/internal/watch"
)

// metricName matches the name of a metric in queries and in /metrics. The check of
// docs/deploy parses the queries.
var metricName = regexp.MustCompile(`\b(?:tallyman|go|process)_[a-z_]+\b`)

// Every metric in dashboards and alerts must exist, otherwise they show nothing. Every
// metric of the service must be on the dashboard.
func TestDashboardAndAlertsAskForWhatTheServiceMeasures(t *testing.T) {
	ship := small(t, 1)
	at := newStores(t)
	broken := &faulty{Store: at.store}
	p := at.serve(t, desk.New(broken, at.contents, reader, desk.Limits{}), func(c *httpapi.Config) {
		c.Folders = func() []watch.State { return []watch.State{{Dir: "/srv/inbox", Away: true}} }
		c.Mailboxes = func() []mailbox.State { return []mailbox.State{{Mailbox: "robot@example.com", Away: true}} }
	})
	p.uploadBills(t, "s", ship.bills)
	broken.fail(errors.New("broken")) // cause an error to count
	p.get(t, "/debug-sessions")
	broken.fail(nil)

	measured := map[string]bool{}
	for line := range strings.Lines(string(p.get(t, "/metrics").body)) {
		if name, _, ok := strings.Cut(line, "{"); ok && !strings.HasPrefix(line, "#") {
			measured[name] = true
		} else if name, _, ok := strings.Cut(line, " "); ok && !strings.HasPrefix(line, "#") {
			measured[name] = true
		}
	}
	asked := map[string]bool{}
	for _, file := range []string{"../../docs/deploy/dashboard.json", "../../docs/deploy/alerts.yaml", "../../docs/operations.md"} {
		b := must.Read(t, file)
		names := metricName.FindAllString(string(b), -1)
		if len(names) < 10 {
			t.Errorf("%s names %d measurements", file, len(names))
		}
		for _, name := range names {
			// The manual names a histogram without Prometheus' suffixes.
			if !measured[name] && !(strings.HasSuffix(file, ".md") && measured[name+"_bucket"]) {
				t.Errorf("%s uses %s, which the service does not have", file, name)
			}
			if strings.HasSuffix(file, "dashboard.json") {
				asked[name] = true
			}
		}
	}
	parts := []string{"_bucket", "_sum", "_count"}
	for name := range measured {
		if !strings.HasPrefix(name, "tallyman_") || asked[name] {
			continue
		}
		// One series of a histogram is enough.
		base := name
		for _, part := range parts {
			base = strings.TrimSuffix(base, part)
		}
		if !slices.ContainsFunc(parts, func(part string) bool { return base != name && asked[base+part] }) {
			t.Errorf("%s is not on the dashboard", name)
		}
	}
}
