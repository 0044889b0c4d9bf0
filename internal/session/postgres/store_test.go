package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tallyman/internal/blob"
	"tallyman/internal/fault"
	"tallyman/internal/session"
	"tallyman/internal/session/sessiontest"
	"tallyman/internal/testing/must"
)

// trips counts the round trips of a connection: a write followed by a wait for an
// answer.
type trips struct {
	net.Conn
	n       *atomic.Int64
	waiting *atomic.Bool
}

func (c trips) Write(b []byte) (int, error) {
	if !c.waiting.Swap(true) {
		c.n.Add(1)
	}
	return c.Conn.Write(b)
}

func (c trips) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 {
		c.waiting.Store(false)
	}
	return n, err
}

// Each operation is one round trip, whatever its size.
func TestEveryOperationIsOneRoundTrip(t *testing.T) {
	var n atomic.Int64
	options := Options{Connections: 1, dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := (&net.Dialer{}).DialContext(ctx, network, addr)
		return trips{c, &n, new(atomic.Bool)}, err
	}}
	clock := sessiontest.NewClock()
	settings := session.Settings{Now: clock.Now}
	life := settings.Lives.Of(session.Named)
	s := mustOpen(t, address(t), settings, options)
	k := keyOf("x")
	var st session.State
	attach := func() {
		a := bolOf(st)
		for len(a.Files) < 20 {
			in := sessiontest.NewInput("more.pdf")
			in.Summary = json.RawMessage(`"` + strings.Repeat("a", 2000) + `"`)
			a.Files = append(a.Files, in)
		}
		_, _, err := s.Attach(ctx, k, a)
		must.OK(t, err)
	}
	operations := []struct {
		name string
		do   func()
	}{
		{"new", func() { var err error; st, _, err = s.New(ctx, k, session.Named); must.OK(t, err) }},
		{"open what is there", func() { _, _, err := s.Open(ctx, k, session.Named); must.OK(t, err) }},
		{"attach", attach},
		{"get", func() { _, err := s.Get(ctx, k); must.OK(t, err) }},
		{"get that writes the use", func() { clock.Advance(life / 2); _, err := s.Get(ctx, k); must.OK(t, err) }},
		{"new instead", func() { var err error; st, _, err = s.New(ctx, k, session.Named); must.OK(t, err) }},
		{"attach again", attach},
		{"list", func() { _, err := s.List(ctx, session.Query{}); must.OK(t, err) }},
		{"named", func() { _, err := s.Named(ctx, []blob.Key{blob.NewKey()}); must.OK(t, err) }},
		{"clear", func() { _, err := s.Clear(ctx, k); must.OK(t, err) }},
		{"get nothing", func() { s.Get(ctx, k) }},
		{"clear nothing", func() { _, err := s.Clear(ctx, k); must.OK(t, err) }},
		{"open anew", func() { var err error; st, _, err = s.Open(ctx, k, session.Cookie); must.OK(t, err) }},
		{"open what has expired", func() {
			clock.Advance(2 * life)
			var err error
			st, _, err = s.Open(ctx, k, session.Named)
			must.OK(t, err)
		}},
		{"expire", func() { clock.Advance(2 * life); _, err := s.Expire(ctx, 100); must.OK(t, err) }},
		{"check", func() { must.OK(t, s.Check(ctx)) }},
	}
	for _, op := range operations {
		op.do() // each statement is prepared once on a connection
	}
	for _, op := range operations {
		before := n.Load()
		op.do()
		if got := n.Load() - before; got != 1 {
			t.Errorf("%s: %d round trips", op.name, got)
		}
	}
}

// The rule of attaching is session.State.Attach; the database implements it again in
// SQL. Random attachments must have the same outcome in both.
func TestTheDatabaseFollowsTheRuleOfAttach(t *testing.T) {
	clock := sessiontest.NewClock()
	s := mustOpen(t, address(t), session.Settings{Now: clock.Now}, Options{})
	k := keyOf("x")
	st, _, err := s.New(ctx, k, session.Named)
	must.OK(t, err)
	var seen []session.Input // that were attached at some time
	pick := func() session.Input {
		in := sessiontest.NewInput(fmt.Sprint(rand.IntN(1000)))
		switch rand.IntN(6) {
		case 0:
			in.Reading = blob.Ref{}
		case 1, 2:
			if all := st.Inputs(); len(all) > 0 {
				in.Content = all[rand.IntN(len(all))].Content
			}
		case 3:
			if len(seen) > 0 {
				old := seen[rand.IntN(len(seen))]
				in.Content, in.Reading = old.Content, old.Reading
			}
		}
		if rand.IntN(20) == 0 {
			in.Content.Size++
		}
		if rand.IntN(5) == 0 {
			in.Summary = nil
		}
		return in
	}
	codes := map[fault.Code]int{}
	for i := range sessiontest.Times(3000, 50_000) {
		clock.Advance(time.Millisecond)
		a := session.Attachment{Incarnation: st.Incarnation, Slot: session.BOL, Mode: []session.Mode{session.Replace, session.Append, session.Append, session.Append, session.Append, session.Update}[rand.IntN(6)]}
		if rand.IntN(3) == 0 {
			a.Slot = session.Orders
		}
		if rand.IntN(10) == 0 {
			a.Revision = st.Revision - int64(rand.IntN(2))
		}
		if rand.IntN(50) == 0 {
			a.Incarnation = session.NewIncarnation()
		}
		n := 1 + rand.IntN(3)*rand.IntN(2)
		for ; n > 0; n-- {
			a.Files = append(a.Files, pick())
		}
		if rand.IntN(20) == 0 {
			for range rand.IntN(80) {
				a.Files = append(a.Files, sessiontest.NewInput("one of many"))
			}
		}
		if a.Slot == session.Orders {
			a.Files = a.Files[:1]
		}
		if a.Check() != nil {
			continue
		}
		want, lost, wantErr := st.Attach(a, clock.Now())
		got, removed, err := s.Attach(ctx, k, a)
		codes[fault.CodeOf(err)]++
		if fault.CodeOf(err) != fault.CodeOf(wantErr) || err != nil && err.Error() != wantErr.Error() {
			t.Fatalf("attach %d, %+v to %+v:\n got %v\nwant %v", i, a, st, err, wantErr)
		}
		if err != nil {
			continue
		}
		seen = append(seen, a.Files...)
		got.LastUsed, got.Expires = want.LastUsed, want.Expires
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("attach %d of %+v:\n got %+v\nwant %+v", i, a, got, want)
		}
		// A content that was there twice is returned once.
		slices.Sort(lost.Contents)
		lost.Contents = slices.Compact(lost.Contents)
		slices.Sort(removed.Contents)
		if !slices.Equal(removed.Contents, lost.Contents) || removed.Files != lost.Files || removed.Bytes != lost.Bytes {
			t.Fatalf("attach %d of %+v removed:\n got %+v\nwant %+v", i, a, removed, lost)
		}
		st, err = s.Get(ctx, k)
		must.OK(t, err)
		if st.LastUsed, st.Expires = got.LastUsed, got.Expires; !reflect.DeepEqual(st, got) {
			t.Fatalf("attach %d of %+v:\nread %+v\nwant %+v", i, a, st, got)
		}
		if i%100 == 0 {
			must.OK(t, consistent(s))
		}
	}
	for _, code := range []fault.Code{"", session.Superseded, session.Changed, session.TooManyFiles} {
		if codes[code] == 0 {
			t.Errorf("no attach ended with code %q: %v", code, codes)
		}
	}
}

// One program alone keeps the bound exactly, however many clients begin sessions, and
// the bound does not delay the use of existing sessions.
func TestTheBoundOnSessionsIsKeptByManyClients(t *testing.T) {
	for _, most := range []int{1, 5, 200} {
		s := mustOpen(t, address(t), session.Settings{MaxSessions: most}, Options{})
		here := keyOf("here")
		_, _, err := s.New(ctx, here, session.Named)
		must.OK(t, err)
		var begun atomic.Int64
		must.AtOnce(16, func(c int) {
			for i := range 30 {
				_, _, err := s.New(ctx, keyOf(fmt.Sprint(c, " ", i)), session.Named)
				switch fault.CodeOf(err) {
				case "":
					begun.Add(1)
				case fault.Busy:
				default:
					t.Error(err)
				}
				if _, _, err := s.Open(ctx, here, session.Named); err != nil {
					t.Errorf("opening what is there: %v", err)
				}
			}
		})
		if got := int(begun.Load()) + 1; got != most {
			t.Errorf("%d sessions begun, %d are kept at most", got, most)
		}
	}
}

func TestSeveralProgramsNearlyKeepTheBound(t *testing.T) {
	const most, programs = 320, 3
	r := openReplicas(t, programs, address(t), session.Settings{MaxSessions: most}, Options{Connections: 4})
	var begun atomic.Int64
	must.AtOnce(12, func(c int) {
		for i := range 60 {
			if _, _, err := r.New(ctx, keyOf(fmt.Sprint(c, " ", i)), session.Named); err == nil {
				begun.Add(1)
			}
		}
	})
	if got := int(begun.Load()); got < most || got > most+programs*most/roomParts {
		t.Errorf("%d sessions begun by %d programs, which keep %d", got, programs, most)
	}
}
