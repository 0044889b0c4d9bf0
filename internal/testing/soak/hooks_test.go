package soak

import (
	"fmt"
	"testing"

	tallyman "tallyman/client"
	"tallyman/internal/testing/api"
)

// Each of these does one thing wrong to events that were promised.
func TestMissingAndForeignEventsAreFound(t *testing.T) {
	ready := func(id, sid, file string) event {
		e := tallyman.Event{ID: id, Type: "sheet.ready", Data: fmt.Appendf(nil, `{"session_id":%q,"cause":"bol","files":[%q]}`, sid, file)}
		return event{e, "/sheets"}
	}
	job := func(id, of, path string) event {
		return event{tallyman.Event{ID: id, Type: "job.done", Data: fmt.Appendf(nil, `{"job_id":%q}`, of)}, path}
	}
	a, b, ended := ready("1", "one", "A000001.pdf"), ready("2", "two", "B000001.pdf"), job("3", "job", "/jobs")
	for _, c := range []struct {
		name   string
		got    []event
		listed []event
		want   string // the count of the violation, "" for none
	}{
		{name: "all arrived", got: []event{a, b, ended}},
		{name: "one came again", got: []event{a, b, ended, a}},
		{name: "one waits for its next attempt", got: []event{a, ended}, listed: []event{b}},
		{name: "one is gone", got: []event{a, ended}, want: lost},
		{name: "one of a job is gone", got: []event{a, b}, want: lost},
		{name: "another one waits", got: []event{a, ended}, listed: []event{a}, want: lost},
		{name: "one has another session's file", got: []event{a, b, ended, ready("4", "two", "A000001.pdf")}, want: contaminated},
		{name: "one is of an unknown session", got: []event{a, b, ended, ready("4", "three", "C000001.pdf")}, want: contaminated},
		{name: "one is of an unknown job", got: []event{a, b, ended, job("4", "other", "/jobs")}, want: contaminated},
		{name: "one came to the other webhook", got: []event{a, b, job("3", "job", "/sheets")}, want: contaminated},
		{name: "one came again with another ID", got: []event{a, b, ended, ready("4", "one", "A000001.pdf")}, want: wrong},
		{name: "one came again with other data", got: []event{a, b, ended, ready("1", "two", "B000001.pdf")}, want: wrong},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &Soak{report: newReport(nil)}
			h := newRecord(s)
			h.secrets["/sheets"] = "whsec_"
			for sid, file := range map[string]string{"one": "A000001.pdf", "two": "B000001.pdf"} {
				s.remember(sid)
				h.asks(api.Request{Path: "/upload", SID: sid, Body: []byte(`filename="` + file + `"`)})()
			}
			h.jobs.Store("job", true)
			h.ended("job", "done")
			for _, e := range c.got {
				if h.take(e) != nil { // the receiver refused it
					h.take(e)
				}
			}
			h.judge(c.listed)
			for _, what := range []string{lost, contaminated, wrong} {
				if got := s.report.Count(what); got > 0 != (what == c.want) {
					t.Errorf("%d are %s; the violations are %v", got, what, s.report.Violations())
				}
			}
		})
	}
}
